/** Sends the token that a person typed, and shows the page once the monitor accepts it, or has done so before. */

const form = document.getElementById("login");
const problem = document.getElementById("problem");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  const token = document.getElementById("token").value;
  try {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch("/login", { method: "POST", headers, body: JSON.stringify({ token }) });
    if (response.ok) location.replace("/");
    else
      problem.textContent =
        response.status === 401
          ? "This token is not the monitor's."
          : `The monitor refused: status ${response.status}.`;
  } catch {
    problem.textContent = "The monitor did not answer.";
  }
});

/** The cookie is SameSite=Strict: who follows a link from another site comes without it, but asks with it from here. */
async function enterIfKnown() {
  const response = await fetch("/api/page", { headers: { Accept: "application/json" }, cache: "no-store" });
  if (response.ok) location.replace("/");
}

enterIfKnown().catch(() => {}); // no answer: that is told when the token is sent
