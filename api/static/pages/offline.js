// The page about working offline: how old the lists on this device are, and a button to renew them.
import { Refused } from "./cbor.js";
import { ages, refresh } from "./knowledge.js";
import { age, t } from "./texts.js";

export async function offline(button) {
  const show = async () => {
    const { trust, status } = await ages();
    const said = (seconds) => seconds === null ? t("page.offline.none") : age(seconds, "page");
    document.getElementById("trust-age").textContent = said(trust);
    document.getElementById("status-age").textContent = said(status);
  };
  button.hidden = false;
  button.addEventListener("click", async () => {
    const line = document.getElementById("offline-says");
    line.textContent = "";
    button.disabled = true;
    try {
      await refresh();
    } catch (error) {
      line.textContent = t(error instanceof Refused ? "page.refused" : "page.offline.failed");
    }
    await show();
    button.disabled = false;
  });
  await show();
  document.documentElement.dataset.ages = "shown";
}
