// Owns the frame around every page, and which page is in it.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import icon from "../icon.svg";
import { Button } from "../ui/button.tsx";
import { Floating, openDialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { commands, PAGE_LINKS } from "./commands.ts";
import { collection, online, refused, session } from "./live.ts";
import { openPalette } from "./palette.tsx";
import { href, type PageName, route } from "./router.ts";
import { nextTheme, theme } from "./theme.ts";

type Page = ComponentType;

/** Each page is a part of its own, so that the first one is there soon. */
const LOADERS: Record<PageName, () => Promise<{ default: Page }>> = {
  overview: () => import("../pages/overview/page.tsx"),
  keys: () => import("../pages/keys/page.tsx"),
  find: () => import("../pages/find/page.tsx"),
  indexes: () => import("../pages/indexes/page.tsx"),
  changes: () => import("../pages/changes/page.tsx"),
  upkeep: () => import("../pages/upkeep/page.tsx"),
  file: () => import("../pages/file/page.tsx"),
};

export function Shell() {
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the page
      </button>
      <Rail />
      {refused.value ? (
        <Refused />
      ) : session.value ? (
        <Main />
      ) : (
        <main id="main" tabIndex={0} aria-busy="true" />
      )}
      <Floating />
    </>
  );
}

function Rail() {
  const c = collection.value;
  return (
    <header class="rail">
      <a class="brand" href={href("overview")}>
        <img src={icon} alt="" />
        <span class="grow">
          <strong>Ferrum Studio</strong>
          <span class="small faint cut">{session.value?.name ?? ""}</span>
        </span>
      </a>
      <nav aria-label="Pages">
        <ul>
          {PAGE_LINKS.map(({ page, label, icon: name }) => (
            <li key={page}>
              <a
                href={href(page, { c })}
                title={label}
                aria-current={route.value.page === page ? "page" : undefined}
              >
                <Icon name={name} />
                <span class="label">{label}</span>
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div class="foot">
        <Access />
        <button
          type="button"
          class="button plain theme"
          onClick={nextTheme}
          title={`Colours: ${theme.value}`}
        >
          <Icon name={theme.value === "light" ? "sun" : theme.value === "dark" ? "moon" : "auto"} />
          <span class="label">{{ auto: "As the system", light: "Light", dark: "Dark" }[theme.value]}</span>
        </button>
        <button type="button" class="button plain" onClick={openPalette} title="Command palette (Ctrl-K)">
          <Icon name="command" />
          <span class="label">
            Palette <kbd>Ctrl K</kbd>
          </span>
        </button>
      </div>
    </header>
  );
}

function Access() {
  const access = session.value?.access;
  if (!access) return null;
  if (!online.value) return <span class="tag bad">{text("Not connected")}</span>;
  if (access === "write") return <span class="tag good">{text("Read and write")}</span>;
  return <span class="tag warn">{text(access === "follower" ? "Live follower" : "Read only")}</span>;
}

function text(words: string) {
  return (
    <>
      <span aria-hidden="true">●</span>
      <span class="label">{words}</span>
    </>
  );
}

function Main() {
  const name = route.value.page;
  const [loaded, setLoaded] = useState<{ name: PageName; page: Page } | undefined>(undefined);
  const [failed, setFailed] = useState<string | undefined>(undefined);
  useEffect(() => {
    let wanted = true;
    LOADERS[name]().then(
      (module) => wanted && setLoaded({ name, page: module.default }),
      (error: unknown) => wanted && setFailed(String(error)),
    );
    return () => {
      wanted = false;
    };
  }, [name]);
  const full = name === "keys";
  return (
    <main id="main" tabIndex={0} class={full ? "full" : ""} aria-busy={loaded?.name !== name}>
      {loaded?.name === name ? (
        <loaded.page />
      ) : (
        failed && <p class="note bad">A part of the page cannot be loaded: {failed}</p>
      )}
    </main>
  );
}

function Refused() {
  const locked = refused.value?.status === 401;
  return (
    <main id="main" tabIndex={0}>
      <div class="empty">
        <Icon name="lock" size={32} />
        <h1>{locked ? "This page needs its link" : "The database cannot be shown"}</h1>
        <p>
          {locked
            ? "Open the address that was printed when Ferrum Studio was started. It works once for each browser; start Ferrum Studio again for a new one."
            : refused.value?.message}
        </p>
        <Button kind="main" onClick={() => location.reload()}>
          Try again
        </Button>
      </div>
    </main>
  );
}

const KEYS: readonly (readonly [string, string])[] = [
  ["Ctrl K", "Palette: pages, collections, keys, commands"],
  ["g, then a letter", "Go to a page: o, k, f, i, c, u, l"],
  ["/", "To the page's search field"],
  ["↑ ↓ PgUp PgDn Home End", "Move in a list"],
  ["Enter", "Open what is current"],
  ["Space", "Select it, or let go of it; with the mouse, Shift selects a range"],
  ["← →", "Fold and unfold in trees"],
  ["Delete", "Delete the selection, or what is current"],
  ["?", "This help"],
];

export function openHelp(): void {
  const own = commands.value.flatMap(({ key, label }) => (key ? [[key, label] as const] : []));
  void openDialog("Keys", (close) => (
    <div class="body">
      <h2>Keys</h2>
      <dl class="key-help">
        {[...KEYS, ...own].map(([key, label]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
      <div class="actions">
        <Button onClick={() => close()}>Close</Button>
      </div>
    </div>
  ));
}
