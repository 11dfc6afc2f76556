import { useId, useState, type FormEvent } from "react";

interface Props {
  /** The form is all there is on the page. */
  readonly large: boolean;
  readonly onConnect: (token: string) => void;
}

/** Asks for the principal token. The field has no name, so that no form could ever put it into a URL. */
export function ConnectForm({ large, onConnect }: Props) {
  const [token, setToken] = useState("");
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setToken("");
    onConnect(token);
  };
  return (
    <form className={large ? "connect large" : "connect"} onSubmit={submit}>
      {large && <h2>See what happens as it happens</h2>}
      {large && (
        <p className="lead">
          The operator’s events, live, and a box for commands. Connect with your principal token.
        </p>
      )}
      <label htmlFor={id}>Principal token</label>
      <div className="field-row">
        <input
          id={id}
          type="password"
          className="field"
          value={token}
          onChange={(event) => setToken(event.target.value.trim())}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          required
          pattern="[\x21-\x7e]+"
          title="Letters, digits and signs of ASCII, without spaces"
          aria-describedby={`${id}-hint`}
        />
        <button type="submit" className="button primary">
          Connect
        </button>
      </div>
      <p className="hint" id={`${id}-hint`}>
        Kept in this tab’s memory only, sent only in the header <code>X-VX11-Token</code>. The stream itself
        is opened with a token that lives 60 seconds.
      </p>
    </form>
  );
}
