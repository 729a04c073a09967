// A file that is dropped on the page, or pasted, goes where a chosen one goes: into the form.

const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

export function dropping(form) {
  const { file } = form.elements;
  const zone = document.getElementById("drop");
  zone.hidden = false;
  const take = (files) => {
    if (!files?.length) return;
    // The form takes one: of several, the first.
    const one = new DataTransfer();
    one.items.add(files[0]);
    file.files = one.files;
    form.requestSubmit();
  };
  const over = (is) => form.classList.toggle("over", is);
  // Missing the place would otherwise make the browser leave the page for the file.
  window.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    over(true);
  });
  window.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) over(false);
  });
  window.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    over(false);
    take(event.dataTransfer.files);
  });
  window.addEventListener("paste", (event) => {
    // A cell of a spreadsheet comes as text and as a picture of itself: nobody hands over a file
    // who writes into a field, or copied words.
    const words = [...(event.clipboardData?.types ?? [])].includes("text/plain");
    if (words || event.target.closest?.("input, textarea")) return;
    take(event.clipboardData?.files);
  });
}
