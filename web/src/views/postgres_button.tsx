import { file, isRunning, postgres } from "../app/machine";
import { megabytes } from "../app/notices";
import { openPsql, startPostgres, stopPostgres } from "../app/postgres";

/** PostgreSQL in one click. */
export function PostgresButton() {
  const state = postgres.value;
  if (state === "starting") {
    const told = file.value;
    return (
      <span class="group busy" role="status">
        <progress
          aria-label="PostgreSQL is starting"
          {...(told?.total && { max: told.total, value: told.sent })}
        />
        {told?.total
          ? `PostgreSQL: ${megabytes(told.sent)} of ${megabytes(told.total)}`
          : "PostgreSQL is starting"}
      </span>
    );
  }
  if (state === "running") {
    return (
      <span class="group">
        <button type="button" class="primary" onClick={openPsql}>
          psql
        </button>
        <button type="button" onClick={() => void stopPostgres()}>
          Stop PostgreSQL
        </button>
      </span>
    );
  }
  return (
    <button
      type="button"
      class="primary"
      disabled={!isRunning.value}
      onClick={() => void startPostgres()}
    >
      PostgreSQL
    </button>
  );
}
