/** Puts the sections into one column or two; what is read or tabbed through stays in the order that is seen. */

import { byId, node } from "./text.js";

const wide = matchMedia("(min-width: 1080px)");

/** Place the sections now and whenever the width changes. */
export function startLayout() {
  const parent = byId("columns");
  const sections = [...parent.children];
  const columns = { left: node("div", { class: "column" }), right: node("div", { class: "column" }) };
  const place = () => {
    if (wide.matches) {
      for (const section of sections) columns[section.dataset.column].append(section);
      parent.replaceChildren(columns.left, columns.right);
    } else parent.replaceChildren(...sections);
  };
  wide.addEventListener("change", place);
  place();
}
