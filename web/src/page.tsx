import { effect } from "@preact/signals";
import { render } from "preact";
import "./app/unthrottled";
import { connectScreens } from "./app/keyboard";
import { endLeft, remember } from "./app/left_sessions";
import { boot, connection, isRunning, phase, tellWorker } from "./app/machine";
import { forgetPsql } from "./app/postgres";
import { offerSaved } from "./app/saving";
import { askSession, session, sessionError } from "./app/session";
import { Frame } from "./views/frame";
import { LoginView } from "./views/login_view";
import "./styles.css";

const ASK_AGAIN_MS = 2000;

function App() {
  if (session.value?.login_required) return <LoginView />;
  if (session.value) return <Frame />;
  return (
    <div class="cover page">
      {sessionError.value ? (
        <div class="card" role="alert">
          <h1>Cairn</h1>
          <p>{sessionError.value} This page tries again.</p>
        </div>
      ) : (
        <p class="late">The page waits for the server…</p>
      )}
    </div>
  );
}

async function begin(): Promise<void> {
  while (!(await askSession())) {
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
  let isStarted = false;
  effect(() => {
    if (isStarted || !session.value?.authenticated) return;
    isStarted = true;
    // When the terminal has been laid out, and has its size: effects come after the next frame.
    requestAnimationFrame(() => requestAnimationFrame(() => void boot()));
  });
  // The machine has waited for the login.
  effect(() => {
    if (session.value?.authenticated) tellWorker("wake");
  });
  effect(() => {
    if (connection.value) remember(connection.value.session);
  });
  let isOffered = false;
  effect(() => {
    if (phase.value === "loading") forgetPsql();
    if (!isRunning.value) return;
    void endLeft();
    if (isOffered) return;
    isOffered = true;
    void offerSaved();
  });
}

connectScreens();
const place = document.getElementById("app");
if (place) render(<App />, place);
void begin();
