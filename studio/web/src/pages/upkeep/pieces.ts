// Owns cutting a file of lines into pieces that a request can carry. It must never hold more of the file than one piece.

export interface Piece {
  readonly text: string;
  /** The number of its first line in the file. */
  readonly line: number;
  /** How much of the file has been read with it. */
  readonly bytes: number;
}

/** The pieces of a stream of text, each ending with a line's end but for the last one, and of about `size` characters. */
export async function* pieces(stream: ReadableStream<Uint8Array>, size: number): AsyncGenerator<Piece> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = stream.getReader();
  let rest = "";
  let line = 1;
  let bytes = 0;
  for (;;) {
    const { value, done } = await reader.read();
    bytes += value?.length ?? 0;
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    if (!done && rest.length < size) continue;
    const end = done ? rest.length : rest.lastIndexOf("\n") + 1;
    // A line that is longer than a piece is sent as it is: the server says whether it takes it.
    if (end > 0) {
      const text = rest.slice(0, end);
      yield { text, line, bytes };
      line += text.split("\n").length - 1;
      rest = rest.slice(end);
    }
    if (done) return;
  }
}
