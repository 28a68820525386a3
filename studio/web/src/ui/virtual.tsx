// Owns the list of which only what is seen exists: rows of one height, any number of them, walked through by keys.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef } from "preact/hooks";
import { ScrollSpan } from "./scroll.ts";

/** In the size of the text: a row grows with it. */
const ROW_REM = 2;
const OVERSCAN = 8;
/** The rows that exist change once in so many: most steps of a wheel are the browser's alone. */
const STRIDE = 4;

interface VirtualProps {
  label: string;
  role: "listbox" | "tree";
  count: number;
  /** The row that the keys start from; none if it is negative. */
  current: number;
  row: (index: number) => ComponentChildren;
  /** The keys lead to another row. */
  onMove: (index: number) => void;
  /** A key that moves nowhere. */
  onKey?: (event: KeyboardEvent) => void;
  /** Rows from the first to before the last will be shown. */
  onRange?: (from: number, to: number) => void;
  rowId: (index: number) => string;
  multi?: boolean;
  rowRem?: number;
}

export function Virtual(props: VirtualProps) {
  const { label, role, count, current, row, onRange, rowRem = ROW_REM } = props;
  const rowHeight = Math.round(rowRem * textPixels());
  const element = useRef<HTMLDivElement>(null);
  const [, redraw] = useReducer((n: number, _: undefined) => n + 1, 0);
  const span = useMemo(() => new ScrollSpan(0, 600), []);
  span.total = count * rowHeight;
  const range = () => ({
    from: Math.max(0, Math.floor(span.top / rowHeight / STRIDE) * STRIDE - OVERSCAN),
    to: Math.min(count, Math.ceil((span.top + span.view) / rowHeight / STRIDE) * STRIDE + OVERSCAN),
    shift: span.place(0),
  });
  const drawn = useRef({ from: 0, to: 0, shift: 0 });
  drawn.current = range();
  const { from, to } = drawn.current;

  useEffect(() => onRange?.(from, to), [from, to, onRange]);

  useLayoutEffect(() => {
    const node = element.current;
    if (!node) return;
    const observer = new ResizeObserver(() => {
      span.view = node.clientHeight;
      redraw(undefined);
    });
    observer.observe(node);
    return () => observer.disconnect();
  }, [span]);

  // A list that has become shorter: the browser has moved already, and its event comes too late for this drawing.
  useLayoutEffect(() => {
    const node = element.current;
    if (node && span.top > Math.max(0, span.total - span.view)) {
      node.scrollTop = span.moveTo(span.total);
      redraw(undefined);
    }
  });

  useLayoutEffect(() => {
    const node = element.current;
    if (!node || current < 0) return;
    const top = current * rowHeight;
    const wanted =
      top < span.top ? top : top + rowHeight > span.top + span.view ? top + rowHeight - span.view : undefined;
    if (wanted === undefined) return;
    node.scrollTop = span.moveTo(wanted);
    redraw(undefined);
  }, [current, span, rowHeight]);

  const settling = useRef(0);
  const onScroll = () => {
    const node = element.current;
    if (!node || Math.abs(node.scrollTop - span.physical) < 1) return;
    span.scrolled(node.scrollTop);
    const next = range();
    const { from, to, shift } = drawn.current;
    // What is drawn already scrolls by itself.
    if (next.from !== from || next.to !== to || Math.abs(next.shift - shift) >= 0.5) redraw(undefined);
    clearTimeout(settling.current);
    if (span.total > span.height) {
      settling.current = window.setTimeout(() => {
        // It was scrolled again, and its event, which comes with the next drawing, knows by how much.
        if (Math.abs(node.scrollTop - span.physical) >= 1) return;
        node.scrollTop = span.settle();
        redraw(undefined);
      }, 200);
    }
  };
  useEffect(() => () => clearTimeout(settling.current), []);

  const rows = [];
  for (let index = from; index < to; index++) {
    rows.push(
      <div
        key={index}
        class="item"
        role="presentation"
        style={{ height: `${rowHeight}px`, transform: `translateY(${span.place(index * rowHeight)}px)` }}
      >
        {row(index)}
      </div>,
    );
  }
  return (
    <div
      ref={element}
      class="virtual"
      role={role}
      aria-label={label}
      aria-multiselectable={props.multi ?? false}
      tabIndex={0}
      aria-activedescendant={current >= from && current < to ? props.rowId(current) : undefined}
      onScroll={onScroll}
      onKeyDown={(event) => moveByKey(event, props, Math.max(1, Math.floor(span.view / rowHeight) - 1))}
    >
      <div class="spacer" role="presentation" style={{ height: `${span.height}px` }}>
        {rows}
      </div>
    </div>
  );
}

function moveByKey(
  event: KeyboardEvent,
  { count, current, onMove, onKey }: VirtualProps,
  page: number,
): void {
  const steps: Record<string, number> = {
    ArrowDown: current + 1,
    ArrowUp: current < 0 ? 0 : current - 1,
    PageDown: current + page,
    PageUp: current - page,
    Home: 0,
    End: count - 1,
  };
  const to = event.ctrlKey || event.metaKey || event.altKey ? undefined : steps[event.key];
  if (to === undefined || count === 0) {
    onKey?.(event);
    return;
  }
  event.preventDefault();
  onMove(Math.max(0, Math.min(to, count - 1)));
}

function textPixels(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}
