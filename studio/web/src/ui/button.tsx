// Owns buttons: with words, with an icon alone, and one choice out of several.

import type { ButtonHTMLAttributes, ComponentChildren, TargetedKeyboardEvent } from "preact";
import { Icon, type IconName } from "./icon.tsx";

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon"> {
  icon?: IconName;
  kind?: "main" | "plain" | "danger" | "danger main";
  children: ComponentChildren;
}

export function Button({ icon, kind, children, type = "button", ...rest }: ButtonProps) {
  return (
    <button type={type} class={`button ${kind ?? ""}`} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon"> {
  icon: IconName;
  /** What it does, for those who hear it, and as a tip. */
  label: string;
}

export function IconButton({ icon, label, type = "button", ...rest }: IconButtonProps) {
  return (
    <button type={type} class="button plain icon" aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}

interface SegmentsProps<T extends string> {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}

/** One choice out of few, as a row of radio buttons that the arrow keys walk along. */
export function Segments<T extends string>({ label, value, options, onChange }: SegmentsProps<T>) {
  const move = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    const steps: Record<string, number> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = options.findIndex(([name]) => name === value);
    const next = options[(at + step + options.length) % options.length];
    if (next === undefined) return;
    onChange(next[0]);
    const buttons = event.currentTarget.querySelectorAll("button");
    buttons[options.indexOf(next)]?.focus();
  };
  return (
    <div class="segments" role="radiogroup" aria-label={label} onKeyDown={move}>
      {options.map(([name, text]) => (
        <button
          key={name}
          type="button"
          role="radio"
          aria-checked={name === value}
          tabIndex={name === value ? 0 : -1}
          onClick={() => onChange(name)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
