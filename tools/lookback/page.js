"use strict";
const answer = JSON.parse(document.getElementById("answer").textContent);
const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const number = (value, digits = 0) => value === null || value === undefined ? "–"
  : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const usd = (value) => value === null || value === undefined ? "–" : "US$" + number(value, 2);
const duration = (seconds) => seconds < 90 ? `${seconds} s` : `${number(seconds / 60, 1)} min`;
const tagLine = (tags) => tags.map((tag) => `Key=${tag.Key},Value=${tag.Value}`).join(" ");
async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // A file that is opened from disk may not use the clipboard directly.
    const area = element("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "Copied";
}
const copyButton = (text) => {
  const button = element("button", { className: "copy", type: "button", textContent: "Copy" });
  button.addEventListener("click", () => copy(text, button));
  return button;
};
