import { useId, useState, type FormEvent } from "react";

import { describeCommand, type Command } from "../command/command";

const LONGEST = 200;

interface Props {
  readonly command: Command;
  readonly onSend: (text: string) => void;
  readonly onShow: (key: number) => void;
}

export function CommandBox({ command, onSend, onShow }: Props) {
  const [text, setText] = useState("");
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === "") return;
    onSend(text.trim());
    setText("");
  };
  return (
    <form className="command" onSubmit={submit}>
      <label htmlFor={id} className="unseen">
        Command
      </label>
      <input
        id={id}
        className="field"
        value={text}
        maxLength={LONGEST}
        onChange={(event) => setText(event.target.value)}
        placeholder="Command, such as refresh"
        autoComplete="off"
        aria-describedby={`${id}-state`}
      />
      <button type="submit" className="button primary" disabled={command.phase === "sending"}>
        Send
      </button>
      <p className="command-state" id={`${id}-state`} role="status" data-phase={command.phase}>
        {describeCommand(command)}
      </p>
      {command.phase === "returned" && (
        <button type="button" className="button quiet" onClick={() => onShow(command.key)}>
          Show it
        </button>
      )}
    </form>
  );
}
