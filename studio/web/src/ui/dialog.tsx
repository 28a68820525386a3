// Owns what floats above the page: dialogs, which wait for an answer, and toasts, which do not.

import { type Signal, signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button, IconButton } from "./button.tsx";

interface Opened {
  id: number;
  label: string;
  wide: boolean;
  content: (close: (answer?: unknown) => void) => ComponentChildren;
  close: (answer?: unknown) => void;
}

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action?: { label: string; run: () => void };
}

const opened: Signal<readonly Opened[]> = signal([]);
const toasts: Signal<readonly Toast[]> = signal([]);
let nextId = 1;

/** Shows a dialog until it is answered; without an answer, if it was just closed. */
export function openDialog<T>(
  label: string,
  content: (close: (answer?: T) => void) => ComponentChildren,
  wide = false,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const id = nextId++;
    const close = (answer?: unknown) => {
      opened.value = opened.value.filter((dialog) => dialog.id !== id);
      resolve(answer as T | undefined);
    };
    opened.value = [...opened.value, { id, label, wide, content: content as Opened["content"], close }];
  });
}

interface Question {
  title: string;
  text: ComponentChildren;
  /** What the button says that does it. */
  action: string;
  danger?: boolean;
  /** What has to be typed before the button works. */
  typed?: string;
}

/** Asks whether something shall be done. */
export async function confirm(question: Question): Promise<boolean> {
  return (
    (await openDialog<boolean>(question.title, (close) => <Confirm {...question} close={close} />)) ?? false
  );
}

/** Says something that needs no answer. */
export function toast(
  text: string,
  options: { bad?: boolean; action?: { label: string; run: () => void } } = {},
): void {
  const id = nextId++;
  toasts.value = [
    ...toasts.value.slice(-3),
    { id, text, bad: options.bad ?? false, ...(options.action && { action: options.action }) },
  ];
  setTimeout(() => dismiss(id), options.action ? 20_000 : 6_000);
}

/** Says what went wrong. */
export function toastError(error: unknown): void {
  toast(error instanceof Error ? error.message : String(error), { bad: true });
}

export function Floating() {
  return (
    <>
      {opened.value.map((dialog) => (
        <Dialog key={dialog.id} {...dialog} />
      ))}
      <div class="toasts" role="status" aria-live="polite">
        {toasts.value.map((item) => (
          <div key={item.id} class={item.bad ? "toast bad" : "toast"}>
            <p class="grow wrap">{item.text}</p>
            {item.action && (
              <Button
                onClick={() => {
                  dismiss(item.id);
                  item.action?.run();
                }}
              >
                {item.action.label}
              </Button>
            )}
            <IconButton icon="close" label="Dismiss" onClick={() => dismiss(item.id)} />
          </div>
        ))}
      </div>
    </>
  );
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((item) => item.id !== id);
}

function Dialog({ label, wide, content, close }: Opened) {
  const element = useRef<HTMLDialogElement>(null);
  // Not after a frame: the next key belongs to the dialog already.
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    // Closing it gives the focus back to what had it before.
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      aria-label={label}
      class={wide ? "wide" : ""}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => event.target === element.current && close()}
    >
      {content(close)}
    </dialog>
  );
}

function Confirm({
  title,
  text,
  action,
  danger,
  typed,
  close,
}: Question & { close: (answer?: boolean) => void }) {
  const id = useId();
  const [input, setInput] = useState("");
  const ready = typed === undefined || input === typed;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) close(true);
      }}
    >
      <h2>{title}</h2>
      <div class="stack">{text}</div>
      {typed !== undefined && (
        <div class="field">
          <label for={id}>
            Type <code>{typed}</code> to go on
          </label>
          <input
            id={id}
            class="input mono"
            autocomplete="off"
            spellcheck={false}
            value={input}
            onInput={(event) => setInput(event.currentTarget.value)}
          />
        </div>
      )}
      <div class="actions">
        <Button onClick={() => close(false)}>Cancel</Button>
        <Button type="submit" kind={danger ? "danger main" : "main"} disabled={!ready}>
          {action}
        </Button>
      </div>
    </form>
  );
}
