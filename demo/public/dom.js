// SPDX-License-Identifier: MIT

/** An element with properties and children; text among the children is text, never markup. */
export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);

  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(node.dataset, value);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Appends to the list in a log that is kept short; follows its end unless the reader has scrolled up. */
export function appendLine(log, line, longest = 300) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const list = log.querySelector("ol");

  list.append(line);
  while (list.childElementCount > longest) list.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}
