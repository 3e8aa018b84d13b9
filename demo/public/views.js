// SPDX-License-Identifier: MIT
// The views of the page: the part of the address behind "#" names the one in front.

const links = document.querySelectorAll("#views a");
const views = document.querySelectorAll("main[data-view]");

/* A log that was filled while nobody could see it had no end to follow. */
export function showEnds(view) {
  for (const log of view.querySelectorAll("[role=log]")) log.scrollTop = log.scrollHeight;
}

function showView() {
  const wanted = location.hash.slice(1);
  const found = [...views].find((view) => view.dataset.view === wanted) ?? views[0];

  for (const view of views) view.hidden = view !== found;
  for (const link of links)
    if (link.hash === `#${found.dataset.view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  showEnds(found);
  for (const listener of onView) listener(found.dataset.view);
  scrollTo(0, 0);
}

/** Called with the name of the view that has come to the front. */
export const onView = new Set();

export function startViews() {
  addEventListener("hashchange", showView);
  showView();
}
