// Owns finding documents: the ways to ask, each a tab. Another way to ask is one more entry of `WAYS`.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import "./find.css";
import { get, post } from "../../api/client.ts";
import type { Found, Index, Job, KeyInfo } from "../../api/schemas.ts";
import { collection, noteJob, writable } from "../../app/live.ts";
import { go, href, route } from "../../app/router.ts";
import { tryParseJson } from "../../json/parse.ts";
import { compactJson } from "../../json/print.ts";
import { Button, Segments } from "../../ui/button.tsx";
import { toast, toastError } from "../../ui/dialog.tsx";
import { bytes, nanos, span, visible, whole } from "../../ui/format.ts";
import { CollectionSelect, Empty, Field, PageHead } from "../../ui/parts.tsx";
import { Virtual } from "../../ui/virtual.tsx";

type Way = "value" | "range";
export type Ask = Record<string, string | boolean | undefined>;

interface FormProps {
  fields: readonly string[];
  onAsk: (ask: Ask) => void;
}

const WAYS: Record<Way, { label: string; text: string; form: ComponentType<FormProps> }> = {
  value: {
    label: "By value",
    text: "Documents of which a field equals a value, or has it as an item.",
    form: ByValue,
  },
  range: {
    label: "By range",
    text: "Documents of which a field lies between two values, in the order of the values.",
    form: ByRange,
  },
};

export default function FindPage() {
  const name = collection.value;
  const way: Way = route.value.params.get("w") === "range" ? "range" : "value";
  const [indexes, setIndexes] = useState<readonly Index[]>([]);
  const [ask, setAsk] = useState<Ask | undefined>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another collection has other indexes
  useEffect(() => {
    setAsk(undefined);
    get<{ indexes: Index[] }>("indexes", { collection: name }).then(
      (answer) => setIndexes(answer.indexes),
      toastError,
    );
  }, [name]);
  const Form = WAYS[way].form;
  return (
    <div class="page find-page">
      <PageHead title="Find" text={WAYS[way].text}>
        <CollectionSelect value={name} onChange={(c) => go("find", { c, w: way })} />
        <Segments
          label="How to ask"
          value={way}
          options={Object.entries(WAYS).map(([id, { label }]) => [id as Way, label] as const)}
          onChange={(w) => {
            setAsk(undefined);
            go("find", { c: name, w });
          }}
        />
      </PageHead>
      <Form key={`${name} ${way}`} fields={indexes.map((index) => index.name)} onAsk={setAsk} />
      {ask ? (
        <Results key={JSON.stringify([name, ask])} name={name} ask={ask} />
      ) : (
        <Empty icon="find" title="Nothing was asked yet">
          <p>
            A field is written with dots, like <code>address.city</code>, or as a list of its segments, like{" "}
            <code>["a.b","c"]</code>.
          </p>
        </Empty>
      )}
    </div>
  );
}

/** A JSON value; what is none is meant as text. */
export function askedValue(text: string): string {
  const json = tryParseJson(text);
  return json ? compactJson(json) : JSON.stringify(text);
}

function ValueField({
  label,
  value,
  onChange,
  optional = false,
}: {
  label: string;
  value: string;
  onChange: (text: string) => void;
  optional?: boolean;
}) {
  const empty = value === "" && optional;
  return (
    <Field
      label={label}
      hint={
        empty ? (
          "Empty: no end."
        ) : (
          <>
            Asks for <code>{askedValue(value)}</code>
          </>
        )
      }
    >
      {(id) => (
        <input
          id={id}
          class="input mono"
          autocomplete="off"
          spellcheck={false}
          value={value}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

function FieldField({
  value,
  onChange,
  fields,
}: {
  value: string;
  onChange: (text: string) => void;
  fields: readonly string[];
}) {
  return (
    <Field
      label="Field"
      hint={
        value === ""
          ? "Fields with an index are offered."
          : fields.includes(value)
            ? "It has an index."
            : "It has no index: every document is looked at."
      }
    >
      {(id) => (
        <>
          <input
            id={id}
            class="input mono"
            data-search
            list={`${id}-list`}
            autocomplete="off"
            spellcheck={false}
            value={value}
            onInput={(event) => onChange(event.currentTarget.value)}
          />
          <datalist id={`${id}-list`}>
            {fields.map((field) => (
              <option key={field} value={field} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}

function ByValue({ fields, onAsk }: FormProps) {
  const [field, setField] = useState(route.value.params.get("f") ?? "");
  const [value, setValue] = useState("");
  return (
    <AskForm ready={field !== ""} onAsk={() => onAsk({ field, equals: askedValue(value) })}>
      <FieldField value={field} onChange={setField} fields={fields} />
      <ValueField label="Value" value={value} onChange={setValue} />
    </AskForm>
  );
}

function ByRange({ fields, onAsk }: FormProps) {
  const [field, setField] = useState(route.value.params.get("f") ?? "");
  const [low, setLow] = useState("");
  const [high, setHigh] = useState("");
  const [lowOpen, setLowOpen] = useState(false);
  const [highOpen, setHighOpen] = useState(true);
  const [reverse, setReverse] = useState(false);
  const ask = () =>
    onAsk({
      field,
      ...(low !== "" && { [lowOpen ? "above" : "from"]: askedValue(low) }),
      ...(high !== "" && { [highOpen ? "below" : "to"]: askedValue(high) }),
      reverse,
    });
  return (
    <AskForm ready={field !== "" && (low !== "" || high !== "")} onAsk={ask}>
      <FieldField value={field} onChange={setField} fields={fields} />
      <div class="bound">
        <BoundSelect
          label="Lower end"
          open={lowOpen}
          onChange={setLowOpen}
          words={["at least", "greater than"]}
        />
        <ValueField label="From" value={low} onChange={setLow} optional />
      </div>
      <div class="bound">
        <BoundSelect
          label="Upper end"
          open={highOpen}
          onChange={setHighOpen}
          words={["at most", "less than"]}
        />
        <ValueField label="To" value={high} onChange={setHigh} optional />
      </div>
      <Field label="Order">
        {(id) => (
          <select
            id={id}
            class="input"
            value={reverse ? "1" : "0"}
            onChange={(event) => setReverse(event.currentTarget.value === "1")}
          >
            <option value="0">ascending</option>
            <option value="1">descending</option>
          </select>
        )}
      </Field>
    </AskForm>
  );
}

function BoundSelect({
  label,
  open,
  onChange,
  words,
}: {
  label: string;
  open: boolean;
  onChange: (open: boolean) => void;
  words: readonly [string, string];
}) {
  return (
    <Field label={label}>
      {(id) => (
        <select
          id={id}
          class="input"
          value={open ? "1" : "0"}
          onChange={(event) => onChange(event.currentTarget.value === "1")}
        >
          <option value="0">{words[0]}</option>
          <option value="1">{words[1]}</option>
        </select>
      )}
    </Field>
  );
}

function AskForm({
  ready,
  onAsk,
  children,
}: {
  ready: boolean;
  onAsk: () => void;
  children: preact.ComponentChildren;
}) {
  return (
    <form
      class="ask panel"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) onAsk();
      }}
    >
      {children}
      <Button type="submit" kind="main" icon="find" disabled={!ready}>
        Find
      </Button>
    </form>
  );
}

const LIMIT = 500;
/** The server gives none behind this. */
const OFFSET_MAX = 10_000;

function Results({ name, ask }: { name: string | undefined; ask: Ask }) {
  const [found, setFound] = useState<Found | undefined>(undefined);
  const [keys, setKeys] = useState<readonly KeyInfo[]>([]);
  const [error, setError] = useState<string | undefined>(undefined);
  const [at, setAt] = useState(-1);
  const load = async (offset: number, signal?: AbortSignal) => {
    try {
      const answer = await get<Found>("find", { ...ask, collection: name, offset, limit: LIMIT }, signal);
      setFound((first) => first ?? answer);
      setKeys((known) => [...known.slice(0, offset), ...answer.keys]);
      setFound((first) => first && { ...first, more: answer.more });
    } catch (failure) {
      if ((failure as Error).name !== "AbortError") setError((failure as Error).message);
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: another question is another component
  useEffect(() => {
    const abort = new AbortController();
    void load(0, abort.signal);
    return () => abort.abort();
  }, []);
  if (error)
    return (
      <p class="note bad" role="alert">
        {error}
      </p>
    );
  if (!found)
    return (
      <p class="soft" role="status">
        Looking …
      </p>
    );
  const open = (key: string | undefined) => key !== undefined && go("keys", { c: name, k: key });
  const more = found.more && keys.length < OFFSET_MAX;
  return (
    <section class="panel results" aria-label="Found">
      <div class="row wraps results-head">
        <p class="grow number" role="status">
          <strong>
            {whole(keys.length)}
            {found.more ? " or more" : ""}
          </strong>{" "}
          {keys.length === 1 && !found.more ? "document" : "documents"}
          <span class="soft">
            {" "}
            in {nanos(found.took_ms * 1e6)}, {found.index ? "by the index" : "by looking at every document"}
          </span>
        </p>
        {!found.index && writable.value && <CreateIndex name={name} field={String(ask.field)} />}
        {more && <Button onClick={() => void load(keys.length)}>Fetch more</Button>}
      </div>
      {keys.length > 0 && (
        <Virtual
          label="Found keys"
          role="listbox"
          count={keys.length}
          current={at}
          rowId={(index) => `found-${index}`}
          onMove={setAt}
          onKey={(event) => event.key === "Enter" && open(keys[at]?.key)}
          row={(index) => {
            const info = keys[index];
            return (
              info && (
                <a
                  id={`found-${index}`}
                  role="option"
                  tabIndex={-1}
                  aria-selected={index === at}
                  class={index === at ? "found-row at" : "found-row"}
                  href={href("keys", { c: name, k: info.key })}
                >
                  <span class="cut mono key">{visible(info.key)}</span>
                  <span class="cut mono faint small grow">
                    {info.preview === undefined ? "" : visible(info.preview)}
                  </span>
                  {info.ttl_ms !== null && <span class="small ttl number">{span(info.ttl_ms)}</span>}
                  <span class="small faint number size">{bytes(info.bytes)}</span>
                </a>
              )
            );
          }}
        />
      )}
    </section>
  );
}

function CreateIndex({ name, field }: { name: string | undefined; field: string }) {
  const create = async () => {
    try {
      const segments = /^\s*\[/.test(field) ? (JSON.parse(field) as string[]) : field;
      const { job } = await post<{ job: Job }>("indexes/create", {
        collection: name ?? null,
        field: segments,
      });
      noteJob(job);
      toast("The index is being built.");
      go("indexes", { c: name });
    } catch (error) {
      toastError(error);
    }
  };
  return (
    <Button icon="plus" onClick={() => void create()}>
      Create this index
    </Button>
  );
}
