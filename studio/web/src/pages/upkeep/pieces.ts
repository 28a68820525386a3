// Owns cutting a file of documents into pieces that a request can carry. It must never hold more of the file than one piece.

export interface Piece {
  readonly text: string;
  /** The number of its first line in the file. */
  readonly line: number;
  /** How much of the file has been read with it. */
  readonly bytes: number;
}

/** Where a text may be cut: behind its last line, or behind the last row of a table, whose cells may have lines. */
export type Cut = (text: string) => number;

export const atLine: Cut = (text) => text.lastIndexOf("\n") + 1;

export const atRow: Cut = (text) => {
  let last = 0;
  for (const end of rowEnds(text)) last = end;
  return last;
};

/** The first row of a table, which names its columns. */
export function headOf(text: string): string {
  for (const end of rowEnds(text)) return text.slice(0, end);
  return text;
}

/** Where rows end: at the ends of lines that stand in no quotes. */
function* rowEnds(text: string): Generator<number> {
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text.charCodeAt(at);
    if (letter === QUOTE) quoted = !quoted;
    else if (letter === LINE_END && !quoted) yield at + 1;
  }
}

const QUOTE = 0x22;
const LINE_END = 0x0a;

/** The pieces of a stream of text, each ending where it may be cut but for the last one, and of about `size` characters. */
export async function* pieces(
  stream: ReadableStream<Uint8Array>,
  size: number,
  cut: Cut,
): AsyncGenerator<Piece> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = stream.getReader();
  let rest = "";
  let wanted = size;
  let line = 1;
  let bytes = 0;
  for (;;) {
    const { value, done } = await reader.read();
    bytes += value?.length ?? 0;
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    if (!done && rest.length < wanted) continue;
    const end = done ? rest.length : cut(rest);
    // A document that is longer than a piece is sent as it is: the server says whether it takes it.
    wanted = end > 0 ? size : rest.length * 2;
    if (end > 0) {
      const text = rest.slice(0, end);
      yield { text, line, bytes };
      line += text.split("\n").length - 1;
      rest = rest.slice(end);
    }
    if (done) return;
  }
}
