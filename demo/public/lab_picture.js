// SPDX-License-Identifier: MIT
// The card "Binary": what is drawn goes as the bytes of a PNG to everybody.

import { make } from "./dom.js";
import { since } from "./log.js";
import { knowsCode, put, putPlain } from "./text.js";

const LONGEST = 12;

const canvas = document.querySelector("#picture-canvas");
const pen = canvas.getContext("2d");
const answerText = document.querySelector("#picture-answer");
const shelf = document.querySelector("#picture-shelf ol");

function clear() {
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
}

/* Mountains, for those who have no mouse or no ideas. */
function drawMountains() {
  const { width, height } = canvas;
  const hue = Math.floor(Math.random() * 360);

  pen.fillStyle = `hsl(${hue} 60% 90%)`;
  pen.fillRect(0, 0, width, height);
  for (let range = 0; range < 3; range++) {
    pen.fillStyle = `hsl(${hue} 45% ${65 - 20 * range}%)`;
    pen.beginPath();
    pen.moveTo(0, height);
    for (let x = 0; x <= width; x += 12) pen.lineTo(x, height * (0.3 + 0.2 * range + 0.25 * Math.random()));
    pen.lineTo(width, height);
    pen.fill();
  }
}

/* The place of a pointer on the canvas, in its own pixels. */
function placeOf(event) {
  const box = canvas.getBoundingClientRect();

  return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
}

function drawByHand() {
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...placeOf(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons === 0) return;
    pen.lineWidth = 3;
    pen.lineCap = "round";
    pen.strokeStyle = "#0f766e";
    pen.lineTo(...placeOf(event));
    pen.stroke();
  });
}

async function openFile(file) {
  if (!file) return;
  try {
    const image = await createImageBitmap(file);
    const scale = Math.min(canvas.width / image.width, canvas.height / image.height);

    clear();
    pen.drawImage(image, 0, 0, image.width * scale, image.height * scale);
  } catch {
    put(answerText, "pictureNoImage");
  }
}

async function send(socket) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const started = performance.now();

  socket.emit("picture", document.querySelector("#chat-name").value, await blob.arrayBuffer(), (answer) => {
    if (answer?.bytes !== undefined) put(answerText, "pictureSent", { n: answer.bytes, ms: since(started) });
    else if (knowsCode(answer?.code)) put(answerText, `code_${answer.code}`);
    else putPlain(answerText, JSON.stringify(answer));
  });
}

async function show(name, bytes) {
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const small = make("canvas", { width: 120, height: 70, role: "img" });
  const caption = put(make("span", { className: "caption" }), "pictureCaption", { name, n: bytes.byteLength });

  small.setAttribute("aria-label", name || "?");
  small.getContext("2d").drawImage(image, 0, 0, small.width, small.height);
  shelf.prepend(make("li", { data: { bytes: bytes.byteLength } }, small, caption));
  while (shelf.childElementCount > LONGEST) shelf.lastElementChild.remove();
}

export function startPicture(manager) {
  const socket = manager.socket("/pictures");

  socket.on("picture", (name, bytes) => show(String(name), bytes));
  clear();
  drawByHand();
  document.querySelector("#picture-draw").addEventListener("click", drawMountains);
  document.querySelector("#picture-clear").addEventListener("click", clear);
  document.querySelector("#picture-file").addEventListener("change", (event) => openFile(event.target.files[0]));
  document.querySelector("#picture-send").addEventListener("click", () => send(socket));
}
