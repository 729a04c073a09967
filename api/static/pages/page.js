// What a page does beyond its forms; each part only where the page has a place for it.
import { load } from "./texts.js";
import { watch } from "./watching.js";

document.documentElement.classList.add("scripted");

const print = document.getElementById("print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}

const result = document.getElementById("result");
if (result?.dataset.code) {
  await load(result.dataset.language);
  watch(result);
}
