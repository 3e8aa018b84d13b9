// SPDX-License-Identifier: MIT
// What the page says, in English and in Russian.

const english = {
  tagline: "Real-time applications in C",
  theme: "Light or dark",
  otherLanguage: "Русский",
  chatTitle: "Chat rooms",
  roomWord: "room",
  yourName: "Your name",
  room: "Room",
  roomRule: "Letters, digits and underscores",
  join: "Join",
  leave: "Leave",
  joinedRooms: "Rooms you are in",
  noRoom: "You are in no room. Join one above.",
  quietRoom: "Nobody has said anything yet.",
  messages: "Messages",
  messageHint: "Write a message",
  fromServer: "From the server",
  somebody: "Somebody",
  echoTitle: "Echo",
  samples: "Examples",
  emptyText: "empty",
  frames: "Frames sent and received",
  noFrames: "Send something: the server answers at once.",
  echoInput: "Text to send",
  echoHint: "Say something",
  send: "Send",
  sent: "sent",
  received: "received",
  notifyTitle: "From the server",
  notifyLead: "An ordinary HTTP request speaks to everybody in a room.",
  notifyInput: "Message",
  notifyHint: "Message",
  notifyDefault: "Maintenance at noon",
  sameInShell: "The same from a shell",
  copy: "Copy",
  copied: "Copied",
  failed: "The server did not answer",
  views: "Views",
  sioChatTitle: "Namespace",
  sioRoomHint: "room1",
  sioRooms: "Rooms you are in: a press leaves one",
  sioEvents: "Events of the namespace",
  sioEveryone: "Everyone",
  sioTarget: "To whom",
  sioLeft: "You have left {room}",
  sioEchoTitle: "Echo to all",
  sioEchoLog: "Events sent and received",
  sioNoEcho: "Whatever one page sends, all pages hear.",
  sioNotifyLead: "An HTTP request, or a thread, speaks to everybody in /chat.",
  sioNotifyHint: "Notification",
  sioTransport: "Transport",
  sioAllowed: "Allowed transports",
  sioUpgrade: "polling → websocket",
  sioOnlyPolling: "polling only",
  sioOnlyWebsocket: "websocket only",
  sioAttempt: "Reconnecting, attempt {n}",
  sioBack: "Back again, with a new session",
  sioRecovered: "Back again, nothing was missed",
  sioMissing:
    "The Socket.IO client is not installed on this server. Install npm and run script/server again, or name its directory with --client-dir. Clients that bring their own can connect.",
  sioPages: "The pages of the Flask example:",
  footer: "Open this page twice and talk to yourself.",
  connected: "Connected",
  connecting: "Connecting",
  lost: "No connection",
  again: "Try now",
  here: { one: "{n} here", other: "{n} here" },
  unread: { one: "{n} unread", other: "{n} unread" },
  retryIn: { one: "Reconnecting in {n} s", other: "Reconnecting in {n} s" },
  delivered: { one: "sent to {n} member", other: "sent to {n} members" },
  openNow: { one: "{n} WebSocket open", other: "{n} WebSockets open" },
  sioClients: { one: "{n} Socket.IO client", other: "{n} Socket.IO clients" },
  handled: { one: "{n} message delivered", other: "{n} messages delivered" },
};

const russian = {
  tagline: "Приложения реального времени на C",
  theme: "Светлая или тёмная",
  otherLanguage: "English",
  chatTitle: "Комнаты чата",
  roomWord: "комната",
  yourName: "Ваше имя",
  room: "Комната",
  roomRule: "Буквы, цифры и подчёркивание",
  join: "Войти",
  leave: "Выйти",
  joinedRooms: "Ваши комнаты",
  noRoom: "Вы не в комнате. Войдите в любую.",
  quietRoom: "Здесь пока тихо.",
  messages: "Сообщения",
  messageHint: "Сообщение",
  fromServer: "От сервера",
  somebody: "Кто-то",
  echoTitle: "Эхо",
  samples: "Примеры",
  emptyText: "пусто",
  frames: "Отправленные и полученные фреймы",
  noFrames: "Отправьте что-нибудь: сервер ответит сразу.",
  echoInput: "Текст для отправки",
  echoHint: "Ваш текст",
  send: "Отправить",
  sent: "отправлено",
  received: "получено",
  notifyTitle: "От сервера",
  notifyLead: "Обычный HTTP-запрос обращается ко всем в комнате.",
  notifyInput: "Сообщение",
  notifyHint: "Сообщение",
  notifyDefault: "В полдень перезапуск",
  sameInShell: "То же из командной строки",
  copy: "Копировать",
  copied: "Готово",
  failed: "Сервер не ответил",
  views: "Виды",
  sioChatTitle: "Пространство имён",
  sioRoomHint: "room1",
  sioRooms: "Ваши комнаты: нажмите, чтобы выйти",
  sioEvents: "События пространства имён",
  sioEveryone: "Всем",
  sioTarget: "Кому",
  sioLeft: "Вы вышли из комнаты {room}",
  sioEchoTitle: "Эхо для всех",
  sioEchoLog: "Отправленные и полученные события",
  sioNoEcho: "Что пишет одна страница, слышат все.",
  sioNotifyLead: "HTTP-запрос или поток сервера обращается ко всем в /chat.",
  sioNotifyHint: "Уведомление",
  sioTransport: "Транспорт",
  sioAllowed: "Разрешённые транспорты",
  sioUpgrade: "polling → websocket",
  sioOnlyPolling: "только polling",
  sioOnlyWebsocket: "только websocket",
  sioAttempt: "Переподключение, попытка {n}",
  sioBack: "Снова на связи, сессия новая",
  sioRecovered: "Снова на связи, ничего не пропущено",
  sioMissing:
    "На этом сервере нет клиента Socket.IO. Установите npm и запустите script/server снова или укажите его каталог в --client-dir. Клиенты со своей библиотекой подключиться могут.",
  sioPages: "Страницы примера на Flask:",
  footer: "Откройте страницу дважды и поговорите с собой.",
  connected: "На связи",
  connecting: "Соединение",
  lost: "Нет связи",
  again: "Сейчас",
  here: { one: "{n} здесь", few: "{n} здесь", other: "{n} здесь" },
  unread: { one: "{n} новое", few: "{n} новых", other: "{n} новых" },
  retryIn: { one: "Повтор через {n} с", other: "Повтор через {n} с" },
  delivered: { one: "отправлено {n} участнику", other: "отправлено {n} участникам" },
  openNow: { one: "открыт {n} WebSocket", few: "открыто {n} WebSocket", other: "открыто {n} WebSocket" },
  sioClients: { one: "{n} клиент Socket.IO", few: "{n} клиента Socket.IO", other: "{n} клиентов Socket.IO" },
  handled: {
    one: "доставлено {n} сообщение",
    few: "доставлено {n} сообщения",
    other: "доставлено {n} сообщений",
  },
};

const languages = { en: english, ru: russian };

let language = "en";

/** Called after the language has changed. */
export const onLanguage = new Set();

export function currentLanguage() {
  return language;
}

export function say(key) {
  return languages[language][key];
}

/* The server speaks as the notes do, in Russian; these are the beginnings of what it says. */
const serverTexts = [
  ["Добро пожаловать в чат!", "Welcome to the chat!"],
  ["Пользователь написал: ", "A user wrote: "],
  ["Пользователь вышел из комнаты ", "A user has left the room "],
  ["Вы в комнате ", "You are in the room "],
  ["Важное уведомление! На часах сервера ", "Important! The server's clock says "],
];

/** What the server says, in the page's language. */
export function sayForServer(text) {
  const known = serverTexts.find(([russianText]) => text.startsWith(russianText));

  return language === "en" && known ? known[1] + text.slice(known[0].length) : text;
}

/** The form of say(key) for n things. */
export function sayCount(key, n) {
  const forms = say(key);
  const form = forms[new Intl.PluralRules(language).select(n)] ?? forms.other;

  return form.replace("{n}", n.toLocaleString(language));
}

/** Puts text into everything below root that asks for it by data-text, data-label or data-hint. */
export function fillText(root) {
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = say(node.dataset.text);
  for (const node of root.querySelectorAll("[data-label]"))
    node.setAttribute("aria-label", say(node.dataset.label));
  for (const node of root.querySelectorAll("[data-hint]")) node.placeholder = say(node.dataset.hint);
}

export function setLanguage(next) {
  language = next in languages ? next : "en";
  document.documentElement.lang = language;
  fillText(document);
  for (const listener of onLanguage) listener();
}

export function timeNow(withMillis) {
  const now = new Date();
  const time = now.toLocaleTimeString(language, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });

  return withMillis ? `${time}.${String(now.getMilliseconds()).padStart(3, "0")}` : time.slice(0, 5);
}
