import { useEffect, useRef, useState } from "preact/hooks";
import { phase } from "../app/machine";
import { logIn, session } from "../app/session";

export function LoginView() {
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const submit = async () => {
    setBusy(true);
    setError("");
    try {
      await logIn(input.current?.value ?? "");
    } catch (thrown) {
      setError((thrown as Error).message);
      input.current?.select();
    } finally {
      setBusy(false);
    }
  };
  if (!session.value?.login_possible) {
    return (
      <main class="cover page">
        <div class="card" role="alert">
          <h1>You may not come in</h1>
          <p>
            No password is set on this server: only its own user may come in. Set
            <code> servers.webui.password</code>, or <code>servers.webui.uid</code> to your user.
          </p>
        </div>
      </main>
    );
  }
  return (
    <main class="cover page">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h1>Cairn</h1>
        {phase.value !== "off" && (
          <p>Your login has ended, or the server was restarted. The machine waits, and goes on.</p>
        )}
        <input class="hidden" type="text" autocomplete="username" value="cairn" readOnly tabIndex={-1} aria-hidden="true" />
        <label class="field">
          <span>Password</span>
          <input
            ref={input}
            type="password"
            autocomplete="current-password"
            required
            aria-describedby={error ? "login-error" : undefined}
            aria-invalid={error !== ""}
          />
        </label>
        {error && (
          <p id="login-error" class="error" role="alert">
            {error}
          </p>
        )}
        <button type="submit" class="primary" disabled={isBusy}>
          Log in
        </button>
      </form>
    </main>
  );
}
