// Owns the editor: JSON with colours, folding, search, and the database's own view of what is wrong. Loaded when needed.

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import {
  bracketMatching,
  codeFolding,
  foldGutter,
  foldKeymap,
  HighlightStyle,
  indentOnInput,
  syntaxHighlighting,
} from "@codemirror/language";
import { type Diagnostic, linter, lintGutter, lintKeymap } from "@codemirror/lint";
import { search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { JsonError, parseJson } from "../../json/parse.ts";

interface Options {
  label: string;
  text: string;
  focused: boolean;
  onChange: (text: string) => void;
  onSave: () => void;
}

/** Opens an editor in an element; answers what ends it. */
export function openEditor(
  host: HTMLElement,
  { label, text, focused, onChange, onSave }: Options,
): () => void {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const save = () => {
    onSave();
    return true;
  };
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: text,
      extensions: [
        keymap.of([
          { key: "Mod-s", run: save, preventDefault: true },
          { key: "Mod-Enter", run: save },
        ]),
        lineNumbers(),
        codeFolding(),
        foldGutter(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        highlightActiveLine(),
        search({ top: true }),
        json(),
        syntaxHighlighting(COLOURS),
        lintGutter(),
        linter(({ state }) => diagnose(state.doc.toString()), { delay: 200 }),
        // Tab leaves the editor after Escape, as the editor's guide asks for keyboards' sake.
        keymap.of([
          ...defaultKeymap,
          ...searchKeymap,
          ...historyKeymap,
          ...foldKeymap,
          ...lintKeymap,
          indentWithTab,
        ]),
        EditorView.contentAttributes.of({ "aria-label": label }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) onChange(update.state.doc.toString());
        }),
        EditorState.tabSize.of(2),
        LOOK,
      ],
    }),
  });
  if (focused) view.focus();
  return () => view.destroy();
}

function diagnose(text: string): Diagnostic[] {
  try {
    parseJson(text);
    return [];
  } catch (error) {
    if (!(error instanceof JsonError)) return [{ from: 0, to: 0, severity: "error", message: String(error) }];
    return [
      {
        from: Math.min(error.from, text.length),
        to: Math.min(error.to, text.length),
        severity: "error",
        message: error.message,
      },
    ];
  }
}

const COLOURS = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--ink)" },
  { tag: tags.string, color: "var(--good)" },
  { tag: tags.number, color: "var(--blue)" },
  { tag: [tags.bool, tags.null], color: "var(--purple)" },
  { tag: tags.invalid, color: "var(--danger)" },
]);

const LOOK = EditorView.theme({
  "&": { height: "100%", fontSize: "0.8125rem", color: "var(--ink)", backgroundColor: "var(--surface)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6" },
  ".cm-content": { caretColor: "var(--accent)" },
  ".cm-cursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--ink-faint)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--chosen)",
  },
  ".cm-panels, .cm-tooltip": {
    backgroundColor: "var(--raised)",
    color: "var(--ink)",
    borderColor: "var(--line)",
  },
  ".cm-textfield": {
    backgroundColor: "var(--surface)",
    color: "var(--ink)",
    border: "1px solid var(--line-strong)",
  },
  ".cm-button": {
    backgroundImage: "none",
    backgroundColor: "var(--surface)",
    border: "1px solid var(--line)",
    color: "var(--ink)",
  },
  ".cm-foldPlaceholder": {
    backgroundColor: "var(--sunken)",
    border: "0",
    color: "var(--ink-soft)",
    padding: "0 6px",
  },
});
