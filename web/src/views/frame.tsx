// What is around every view: navigation above, the state of machine and connection below.
import { connection, cpuBusy, detail, phase, volumeBusy } from "../app/machine";
import { dismiss, notices, spoken } from "../app/notices";
import { view } from "../app/router";
import { logOut, session } from "../app/session";
import { fail } from "../app/notices";
import { views } from "./views";

function Navigation() {
  return (
    <nav aria-label="Views">
      <ul>
        {views.map((one) => (
          <li key={one.path}>
            <a href={`#${one.path}`} aria-current={view.value === one ? "page" : undefined}>
              {one.title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Header() {
  const mayLogOut = session.value?.login_possible && session.value.authenticated;
  return (
    <header class="top">
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>
        Skip to the content
      </a>
      <span class="brand">
        <img src="/favicon.svg" alt="" width="22" height="22" /> Cairn
      </span>
      <Navigation />
      <span class="volume" title="The volume">
        {session.value?.volume}
      </span>
      {mayLogOut && (
        <button
          type="button"
          onClick={() => {
            logOut().then(() => { location.reload(); }, fail("You are not logged out"));
          }}
        >
          Log out
        </button>
      )}
    </header>
  );
}

function Notices() {
  return (
    <div class="notices" role="region" aria-label="Messages">
      {notices.value.map((notice) => (
        <div
          key={notice.id}
          class={`notice ${notice.kind}`}
          role={notice.kind === "error" ? "alert" : "status"}
        >
          <span>{notice.text}</span>
          {notice.action && (
            <button
              type="button"
              onClick={() => {
                dismiss(notice.id);
                notice.action?.run();
              }}
            >
              {notice.action.label}
            </button>
          )}
          <button type="button" aria-label="Dismiss" onClick={() => { dismiss(notice.id); }}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}

const PHASES: Record<string, string> = {
  off: "Switched off",
  loading: "Loading",
  booting: "Booting",
  starting: "Starting",
  running: "Running",
  saving: "Being saved",
  restoring: "Being brought back",
  stopping: "Stopping",
  failed: "Failed",
};
const STATES: Record<string, { text: string; kind: string }> = {
  connected: { text: "Connected", kind: "good" },
  connecting: { text: "Connecting", kind: "wait" },
  reconnecting: { text: "Reconnecting", kind: "bad" },
  closed: { text: "Not connected", kind: "off" },
};

const plural = (count: number, what: string) => `${String(count)} ${what}${count === 1 ? "" : "s"}`;

function ConnectionState() {
  const told = connection.value;
  const isOff = phase.value === "off" || phase.value === "failed";
  const state = STATES[told && !isOff ? told.state : "closed"] ?? { text: "", kind: "off" };
  const lost = told ? told.counts.lost + told.counts.stale : 0;
  return (
    <span class="connection">
      <span role="status">
        <span class={`dot ${state.kind}`} aria-hidden="true" /> {state.text}
      </span>
      {told && told.counts.resumed + told.counts.rebuilt > 0 && (
        <span class="minor">
          {told.counts.resumed > 0 && ` resumed ${String(told.counts.resumed)}×`}
          {told.counts.rebuilt > 0 && ` rebuilt ${String(told.counts.rebuilt)}×`}
        </span>
      )}
      {lost > 0 && (
        <strong class="error">{plural(lost, "change")} could not be brought back</strong>
      )}
      {told && told.undurable > 0 && (
        <span class="minor" title="They survive a crash of the server while this page is open">
          {plural(told.undurable, "change")} not in the bucket yet
        </span>
      )}
    </span>
  );
}

function Light({ on, label }: { on: boolean; label: string }) {
  return (
    <span class="light">
      <span class={on ? "lamp on" : "lamp"} aria-hidden="true" /> {label}
    </span>
  );
}

function StatusBar() {
  return (
    <footer id="status" class="status">
      <ConnectionState />
      <span class="spring" />
      {detail.value && phase.value === "running" && <span class="error">{detail.value}</span>}
      <span>Machine: {PHASES[phase.value]}</span>
      <Light on={cpuBusy.value} label="CPU" />
      <Light on={volumeBusy.value} label="Volume" />
      <span class="hidden" aria-live="polite">
        {spoken.value}
      </span>
    </footer>
  );
}

export function Frame() {
  const Component = view.value.component;
  return (
    <div class="frame">
      <Header />
      <main id="main" tabIndex={-1}>
        <h1 class="hidden">{view.value.title}</h1>
        <Component />
      </main>
      <Notices />
      <StatusBar />
    </div>
  );
}
