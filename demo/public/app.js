// SPDX-License-Identifier: MIT
import { startBehind } from "./behind.js";
import { startChat } from "./chat.js";
import { startEcho } from "./echo.js";
import { startLab } from "./lab.js";
import { startNotify } from "./notify.js";
import { startSio } from "./sio.js";
import { watchers } from "./socket.js";
import { currentLanguage, onLanguage, put, say, setLanguage } from "./text.js";
import { startViews } from "./views.js";

const STATS_EVERY_MS = 3000;

const pill = document.querySelector("#connection");
const languageButton = document.querySelector("#language");
const themeButton = document.querySelector("#theme");
const stats = document.querySelector("#stats");

let sockets = [];
let numbers = null; // what /stats has said last

/* The worst state of all sockets is the state of the page. */
function showConnection() {
  const worst = ["waiting", "connecting", "open"].find((state) =>
    sockets.some((socket) => socket.state === state),
  );
  const words = { waiting: "lost", connecting: "connecting", open: "connected" };

  pill.dataset.state = worst ?? "connecting";
  put(pill.querySelector(".pill-text"), words[pill.dataset.state]);
}

function showStats() {
  stats.textContent = numbers
    ? [
        say("openNow", { n: numbers.websockets }),
        say("sioClients", { n: numbers.sio_clients }),
        say("handled", { n: numbers.messages_out }),
      ].join(" · ")
    : "";
}

async function readStats() {
  if (document.hidden) return;
  try {
    numbers = await (await fetch("/stats")).json();
  } catch {
    numbers = null;
  }
  showStats();
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
});
onLanguage.add(() => {
  languageButton.textContent = currentLanguage() === "en" ? "RU" : "EN";
  languageButton.lang = currentLanguage() === "en" ? "ru" : "en";
  languageButton.setAttribute("aria-label", `${languageButton.textContent}: ${say("otherLanguage")}`);
  showStats();
});

watchers.add((all) => {
  sockets = all;
  showConnection();
});

startNotify();
startEcho();
startChat();
startSio();
startLab();
startViews();
startBehind();
setLanguage(localStorage.getItem("yodel.language") ?? navigator.language.slice(0, 2));
readStats();
setInterval(readStats, STATS_EVERY_MS);
