// Owns the page of indexes: which there are, what they take, whether they are used, creating and dropping them.

import { useEffect, useState } from "preact/hooks";
import { get, post } from "../../api/client.ts";
import type { Index, Job } from "../../api/schemas.ts";
import { collection, collections, jobs, noteEdit, noteJob, writable } from "../../app/live.ts";
import { go, href } from "../../app/router.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { confirm, toast, toastError } from "../../ui/dialog.tsx";
import { bytes, whole } from "../../ui/format.ts";
import { CollectionSelect, Empty, Field, PageHead } from "../../ui/parts.tsx";

export default function IndexesPage() {
  const name = collection.value;
  const [indexes, setIndexes] = useState<readonly Index[] | undefined>(undefined);
  const documents = collections.value.find((one) => (one.name ?? undefined) === name)?.documents ?? 0;
  // A build that ends changes the list.
  const builds = jobs.value
    .filter(({ kind }) => kind === "index")
    .map(({ id, state }) => `${id} ${state}`)
    .join();
  const load = () =>
    get<{ indexes: Index[] }>("indexes", { collection: name }).then(
      (answer) => setIndexes(answer.indexes),
      toastError,
    );
  // biome-ignore lint/correctness/useExhaustiveDependencies: these say when to look again
  useEffect(() => void load(), [name, builds]);
  const drop = async (index: Index) => {
    const building = index.state === "building";
    const sure = await confirm({
      title: building ? `Stop building the index on ${index.name}?` : `Drop the index on ${index.name}?`,
      text: <p>No document is lost. Finding by this field then looks at every document.</p>,
      action: building ? "Stop" : "Drop",
      danger: true,
      typed: index.name,
    });
    if (!sure) return;
    try {
      await post("indexes/drop", { collection: name ?? null, field: index.field, confirm: index.name });
      toast(`The index on ${index.name} was dropped.`);
      noteEdit();
      void load();
    } catch (error) {
      toastError(error);
    }
  };
  return (
    <div class="page">
      <PageHead
        title="Indexes"
        text="An index finds documents by a field without looking at all of them. It costs memory, and a little of every write."
      >
        <CollectionSelect value={name} onChange={(c) => go("indexes", { c })} />
      </PageHead>
      {writable.value && <Create name={name} />}
      {indexes?.length === 0 && (
        <Empty icon="indexes" title="This collection has no index">
          <p>Finding by a field still works: it looks at every document.</p>
        </Empty>
      )}
      {indexes && indexes.length > 0 && (
        <div class="panel scroll-x" tabIndex={0} role="group" aria-label="Indexes">
          <table>
            <thead>
              <tr>
                <th scope="col">Field</th>
                <th scope="col">State</th>
                <th scope="col" class="end">
                  Entries
                </th>
                <th scope="col" class="end">
                  Of documents
                </th>
                <th scope="col" class="end">
                  Memory
                </th>
                <th scope="col" class="end">
                  Asked
                </th>
                <th scope="col">
                  <span class="hidden-text">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {indexes.map((index) => (
                <tr key={index.name}>
                  <th scope="row" class="mono wrap">
                    <a href={href("find", { c: name, f: index.name })}>{index.name}</a>
                  </th>
                  <td>
                    <State index={index} />
                  </td>
                  <td class="end number">{whole(index.entries)}</td>
                  <td class="end number">
                    {documents === 0 ? "–" : `${((100 * index.entries) / documents).toFixed(0)} %`}
                  </td>
                  <td class="end number">{bytes(index.bytes)}</td>
                  <td class="end number">{whole(index.uses)}</td>
                  <td class="end">
                    {writable.value && (
                      <IconButton
                        icon="trash"
                        label={`Drop the index on ${index.name}`}
                        onClick={() => void drop(index)}
                      />
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

function State({ index }: { index: Index }) {
  const job = jobs.value.find(({ id }) => id === index.job?.id) ?? index.job;
  if (index.state === "building") {
    const known = job && job.of > 0;
    return (
      <span class="stack">
        <span class="tag warn">being built{known ? `, ${Math.floor((100 * job.done) / job.of)} %` : ""}</span>
        <progress
          aria-label={`Building ${index.name}`}
          max={1}
          {...(known && { value: job.done / job.of })}
        />
      </span>
    );
  }
  if (index.uses === 0)
    return (
      <span class="tag" title="Nobody has asked it since the database was opened.">
        not used yet
      </span>
    );
  return <span class="tag good">ready</span>;
}

function Create({ name }: { name: string | undefined }) {
  const [field, setField] = useState("");
  const create = async () => {
    try {
      const segments = /^\s*\[/.test(field) ? (JSON.parse(field) as string[]) : field;
      const { job } = await post<{ job: Job }>("indexes/create", {
        collection: name ?? null,
        field: segments,
      });
      noteJob(job);
      setField("");
    } catch (error) {
      toastError(error);
    }
  };
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        if (field !== "") void create();
      }}
    >
      <Field
        label="New index on the field"
        hint={'With dots, like address.city, or as a list of its segments, like ["a.b","c"].'}
      >
        {(id) => (
          <div class="row">
            <input
              id={id}
              class="input mono"
              data-search
              autocomplete="off"
              spellcheck={false}
              value={field}
              onInput={(event) => setField(event.currentTarget.value)}
            />
            <Button type="submit" kind="main" icon="plus" disabled={field === ""}>
              Create
            </Button>
          </div>
        )}
      </Field>
    </form>
  );
}
