// SPDX-License-Identifier: MIT
// A browser without a window.  CHROMIUM names the binary.
import { chromium } from "playwright-core";

/** Playwright gives every launch an empty user data directory of its own. */
export function launchChromium() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
