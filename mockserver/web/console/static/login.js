// The form that turns the control token into a cookie.

const form = /** @type {HTMLFormElement} */ (document.getElementById("login"));
const input = /** @type {HTMLInputElement} */ (document.getElementById("token"));
const problem = /** @type {HTMLElement} */ (document.getElementById("problem"));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  try {
    const headers = { "X-Mock-Control-Token": input.value };
    const response = await fetch("/__mock/session", { method: "POST", headers });
    if (response.ok) {
      location.replace(next());
      return;
    }
    problem.textContent = response.status === 403
      ? "This is not the token of this mock."
      : (await response.json()).msg;
  } catch (error) {
    problem.textContent = error instanceof TypeError
      ? "The token cannot be sent, or the mock has stopped."
      : String(error);
  }
  input.select();
});

/** The page that was asked for; never one of another origin. */
function next() {
  const wanted = new URL(new URLSearchParams(location.search).get("next") ?? "", location.origin);
  const isOurs = wanted.origin === location.origin && wanted.pathname.startsWith("/__mock/");
  return isOurs ? wanted.pathname + wanted.search : "/__mock/";
}
