// Owns small parts that several pages share: panels, fields, facts, what is said where there is nothing.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { collectionLabel, collections } from "../app/live.ts";
import { visible, whole } from "./format.ts";
import { Icon, type IconName } from "./icon.tsx";

export function PageHead({
  title,
  text,
  children,
}: {
  title: string;
  text?: string;
  children?: ComponentChildren;
}) {
  return (
    <>
      <div class="page-head">
        <h1>{title}</h1>
        {children}
      </div>
      {text && <p class="head-text">{text}</p>}
    </>
  );
}

export function Panel({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class="panel" aria-labelledby={id}>
      <header>
        <h2 id={id} class="grow">
          {title}
        </h2>
        {aside}
      </header>
      <div class="inside">{children}</div>
    </section>
  );
}

export function Field({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: ComponentChildren;
  children: (id: string) => ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      {hint && <p class="small faint wrap">{hint}</p>}
    </div>
  );
}

export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Empty({
  icon,
  title,
  children,
}: {
  icon: IconName;
  title: string;
  children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <Icon name={icon} size={28} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

interface CollectionSelectProps {
  /** Nothing is the root; null is any. */
  value: string | undefined | null;
  onChange: (name: string | undefined) => void;
  /** What the choice of any collection is called, if there is one, and choosing it. */
  any?: { label: string; onChoose: () => void };
}

/** Which collection is looked at. */
export function CollectionSelect({ value, onChange, any }: CollectionSelectProps) {
  // A select's values are texts and any text is a name, so places in the list stand for the names.
  const names = collections.value.map(({ name }) => name ?? undefined);
  const known = value === null || names.includes(value);
  const all = known ? names : [...names, value];
  return (
    <select
      class="input"
      aria-label="Collection"
      value={value === null ? "any" : String(all.indexOf(value))}
      onChange={({ currentTarget }) => {
        if (currentTarget.value === "any") any?.onChoose();
        else onChange(all[Number(currentTarget.value)]);
      }}
    >
      {any && <option value="any">{any.label}</option>}
      {all.map((name, index) => {
        const info = collections.value.find((one) => (one.name ?? undefined) === name);
        return (
          <option key={name ?? ""} value={String(index)}>
            {visible(collectionLabel(name))}
            {info && ` (${whole(info.documents)})`}
          </option>
        );
      })}
    </select>
  );
}
