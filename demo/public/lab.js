// SPDX-License-Identifier: MIT
// The view "Features".  It connects when it is looked at for the first time.

import { startLine } from "./lab_line.js";
import { startLogin } from "./lab_login.js";
import { startMeeting } from "./lab_meeting.js";
import { startPicture } from "./lab_picture.js";
import { startQuestion } from "./lab_question.js";
import { loadClient, withTransports } from "./sio_client.js";
import { onView } from "./views.js";
import { watchManager } from "./wire.js";

const view = document.querySelector("#view-features");

async function start() {
  const client = await loadClient();

  if (!client) {
    view.dataset.client = "missing";
    document.querySelector("#lab-missing").hidden = false;
    return;
  }
  const manager = new client.Manager(withTransports({ reconnectionDelay: 500, reconnectionDelayMax: 4000 }));

  watchManager(manager, "lab");
  startMeeting(manager);
  startLine(client.Manager);
  startLogin(manager);
  startPicture(manager);
  startQuestion(manager);
}

export function startLab() {
  let isStarted = false;

  onView.add((name) => {
    if (name !== "features" || isStarted) return;
    isStarted = true;
    start();
  });
}
