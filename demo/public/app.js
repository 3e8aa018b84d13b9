// SPDX-License-Identifier: MIT
import { startChat } from "./chat.js";
import { startEcho } from "./echo.js";
import { startNotify } from "./notify.js";
import { startSio } from "./sio.js";
import { watchers } from "./socket.js";
import { currentLanguage, onLanguage, say, sayCount, setLanguage } from "./text.js";
import { startViews } from "./views.js";

const STATS_EVERY_MS = 3000;

const pill = document.querySelector("#connection");
const languageButton = document.querySelector("#language");
const themeButton = document.querySelector("#theme");
const stats = document.querySelector("#stats");

let sockets = [];

/* The worst state of all sockets is the state of the page. */
function showConnection() {
  const worst = ["waiting", "connecting", "open"].find((state) =>
    sockets.some((socket) => socket.state === state),
  );
  const words = { waiting: "lost", connecting: "connecting", open: "connected" };

  pill.dataset.state = worst ?? "connecting";
  pill.querySelector(".pill-text").textContent = say(words[pill.dataset.state]);
}

async function showStats() {
  if (document.hidden) return;
  try {
    const now = await (await fetch("/stats")).json();

    stats.textContent = [
      sayCount("openNow", now.websockets),
      sayCount("sioClients", now.sio_clients),
      sayCount("handled", now.messages_out),
    ].join(" · ");
  } catch {
    stats.textContent = "";
  }
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;

  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

setTheme(localStorage.getItem("yodel.theme"));
themeButton.addEventListener("click", () => {
  setTheme(isDark() ? "light" : "dark");
  localStorage.setItem("yodel.theme", document.documentElement.dataset.theme);
});

languageButton.addEventListener("click", () => {
  setLanguage(currentLanguage() === "en" ? "ru" : "en");
  localStorage.setItem("yodel.language", currentLanguage());
  showStats();
});
onLanguage.add(() => {
  languageButton.textContent = currentLanguage() === "en" ? "RU" : "EN";
  languageButton.setAttribute("aria-label", `${languageButton.textContent}: ${say("otherLanguage")}`);
  showConnection();
});

watchers.add((all) => {
  sockets = all;
  showConnection();
});

startNotify();
startEcho();
startChat();
startSio();
startViews();
setLanguage(localStorage.getItem("yodel.language") ?? navigator.language.slice(0, 2));
showStats();
setInterval(showStats, STATS_EVERY_MS);
