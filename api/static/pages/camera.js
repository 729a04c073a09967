// Reading QR codes where the browser can: from the camera, or from a photograph that was chosen.
// The picture stays on this device.
import { normalise } from "./codes.js";

// Behind a redirect an address has the language of its page, too.
const PLACE = /^https?:\/\/[^/#?]{1,255}(?:\/(?:ar|ckb|en))?\/v\/([^/#?]{1,64})(?:#([A-Z2-7]{8,640}))?$/i;
const EVERY_MS = 200;

export async function detector() {
  if (!("BarcodeDetector" in window)) return null;
  try {
    const formats = await window.BarcodeDetector.getSupportedFormats();
    return formats.includes("qr_code") ? new window.BarcodeDetector({ formats: ["qr_code"] }) : null;
  } catch {
    return null;
  }
}

// Where a QR text leads on this site, whoever's address stands in it; null for another system's.
export function place(text, language) {
  const found = PLACE.exec(text.trim());
  const code = normalise(found ? found[1] : text);
  if (!code) return null;
  const fragment = found?.[2]?.toUpperCase();
  return `/${language}/v/${code}${fragment ? `#${fragment}` : ""}`;
}

export async function camera(section, language) {
  const eye = await detector();
  if (!eye || !navigator.mediaDevices?.getUserMedia) return;
  const button = document.getElementById("camera-button");
  const view = document.getElementById("camera-view");
  const line = document.getElementById("camera-says");
  const looking = line.textContent;
  let stream = null;
  section.hidden = false;

  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    view.hidden = true;
    button.textContent = button.dataset.start;
  };
  const look = async () => {
    if (!stream) return;
    const seen = await eye.detect(view).catch(() => []);
    for (const { rawValue } of seen) {
      const leads = place(rawValue, language);
      if (leads) {
        stop();
        location.assign(leads);
        return;
      }
      line.textContent = button.dataset.foreign;
    }
    setTimeout(look, EVERY_MS);
  };
  button.addEventListener("click", async () => {
    if (stream) {
      stop();
      return;
    }
    line.textContent = looking;
    try {
      const video = { facingMode: "environment", width: { ideal: 1920 } };
      stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    } catch {
      line.textContent = button.dataset.refused;
      return;
    }
    view.srcObject = stream;
    view.hidden = false;
    button.textContent = button.dataset.stop;
    await view.play();
    look();
  });
  window.addEventListener("pagehide", stop);
}

// A photograph is read here where that is possible; else its form sends it to the server, which
// says that it did.
export async function photograph(form, language) {
  const eye = await detector();
  if (!eye) return;
  form.addEventListener("submit", async (event) => {
    const file = form.elements.file.files[0];
    if (!file?.type.startsWith("image/")) return;
    event.preventDefault();
    try {
      const seen = await eye.detect(await createImageBitmap(file));
      const leads = seen.map((one) => place(one.rawValue, language)).find(Boolean);
      if (leads) {
        location.assign(leads);
        return;
      }
    } catch {
      // The server may still be able to.
    }
    form.submit();
  });
}
