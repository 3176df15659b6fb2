// What lies over the terminals while there is no machine in them.
import { boot, detail, kernelLines, phase, progress } from "../app/machine";
import { megabytes } from "../app/notices";

const LAST_LINES = 6;
const TITLES: Record<string, string> = {
  loading: "Loading the machine",
  booting: "The machine boots",
  starting: "Mounting the volume",
  restoring: "Bringing the machine back",
  stopping: "The machine writes what it has and stops",
};

export function LoadingPanel() {
  const title = TITLES[phase.value];
  if (!title) return null;
  const { loaded, total } = progress.value;
  const isLoading = phase.value === "loading" && total > 0;
  return (
    <div class="cover late">
      <div class="card">
        <h2>{title}</h2>
        {isLoading ? (
          <>
            <progress aria-label={title} max={total} value={loaded} />
            <p>
              {megabytes(loaded)} of {megabytes(total)}
            </p>
          </>
        ) : (
          <progress aria-label={title} />
        )}
        {phase.value === "booting" && (
          <pre class="kernel">{kernelLines.value.slice(-LAST_LINES).join("\n")}</pre>
        )}
      </div>
    </div>
  );
}

export function OffPanel() {
  if (phase.value !== "off" && phase.value !== "failed") return null;
  const hasFailed = phase.value === "failed";
  return (
    <div class="cover">
      <div class="card" role={hasFailed ? "alert" : undefined}>
        <h2>{hasFailed ? "The machine cannot start" : "The machine is switched off"}</h2>
        {hasFailed && <p>{detail.value}</p>}
        <div class="row">
          <button type="button" class="primary" onClick={() => void boot()}>
            {hasFailed ? "Try again" : "Start"}
          </button>
          <button type="button" onClick={() => void boot(true)}>
            Boot from scratch
          </button>
        </div>
      </div>
    </div>
  );
}
