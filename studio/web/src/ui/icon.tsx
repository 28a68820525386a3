// Owns the page's icons: strokes on a grid of 16. They carry no meaning alone; what they stand for is written beside them.

const PATHS = {
  overview: "M2 13V9m4 4V3m4 10V6m4 7v-3",
  keys: "M2 4h3m3 0h6M2 8h3m3 0h6M2 12h3m3 0h6",
  find: "M7 2.500a4.500 4.500 0 1 1 0 9 4.500 4.500 0 0 1 0-9zm3.300 7.800L14 14",
  indexes: "M3 2v12M3 5h5m-5 5h5m1-6.500h4v3H9zm0 5h4v3H9z",
  changes: "M1.500 8H5l2-5 3 10 2-5h2.500",
  upkeep:
    "M8 1.500l5.500 2v4.200c0 3.300-2.300 5.600-5.500 6.800-3.200-1.200-5.500-3.500-5.500-6.800V3.500zM5.500 8l1.800 1.800L10.700 6",
  file: "M4 1.500h5l3.500 3.500v9.500h-8.500zM9 1.500V5h3.500",
  sun: "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM8 1v1.500m0 11V15m7-7h-1.500M2.500 8H1m12-5-1 1M4 12l-1 1m10 0-1-1M4 4 3 3",
  moon: "M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7z",
  auto: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zm0 0v12m1.500-11.700v11.400M11 3.100v9.800m1.500-8.500v7.200",
  command:
    "M5.500 5.500h5v5h-5zm0 0H4A1.500 1.500 0 1 1 5.500 4zm5 0V4A1.500 1.500 0 1 1 12 5.500zm0 5H12a1.500 1.500 0 1 1-1.500 1.500zm-5 0V12A1.500 1.500 0 1 1 4 10.500z",
  close: "M4 4l8 8m0-8-8 8",
  plus: "M8 3v10M3 8h10",
  trash: "M2.500 4.500h11M6 4.500V2.500h4v2m-6 0 .7 9h6.600l.7-9M6.700 7v4m2.600-4v4",
  copy: "M5.500 5.500h8v8h-8zm-3 5V2.500h8",
  duplicate: "M5.500 5.500h8v8h-8zm-3 5V2.500h8M9.500 7.500v4m-2-2h4",
  edit: "M3 13l.600-3 7-7 2.400 2.400-7 7zM9.300 4.300l2.400 2.400",
  history: "M2.500 8a5.500 5.500 0 1 0 1.700-4L2.500 5.500m0-3v3h3M8 5v3.300l2.200 1.400",
  clock: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zm0 3v3.300l2.200 1.400",
  right: "M6 3.500 10.500 8 6 12.500",
  down: "M3.500 6 8 10.500 12.500 6",
  fold: "M4.500 2l3.500 3.500L11.500 2M4.500 14l3.500-3.500 3.500 3.500M2 8h12",
  unfold: "M4.500 5.500 8 2l3.500 3.500M4.500 10.500 8 14l3.500-3.500M2 8h12",
  left: "M10 3.500 5.500 8 10 12.500",
  list: "M2 4h12M2 8h12M2 12h12",
  tree: "M3 2v9.500h4M3 6h4m1-1.500h5v3H8zm0 5.500h5v3H8z",
  pause: "M5.500 3v10m5-10v10",
  play: "M4.500 2.800v10.400L13 8z",
  download: "M8 2v8m-3.500-3L8 10.500 11.500 7M2.500 13.500h11",
  upload: "M8 10.500v-8M4.500 5.500 8 2l3.500 3.500m-9 8h11",
  lock: "M3.500 7h9v7h-9zM5.500 7V5a2.500 2.500 0 0 1 5 0v2",
  warn: "M8 2l6.500 11.500h-13zM8 6.500V9.500m0 1.800v.200",
  check: "M3 8.500 6.500 12 13 4.500",
  restore: "M3 6h7a3.500 3.500 0 0 1 0 7H5M3 6l3-3M3 6l3 3",
  query: "M2 3.500h12M4.500 8h7M6.500 12.500h3",
} as const;

const TEXT_PIXELS = 15;

export type IconName = keyof typeof PATHS;

/** An icon of so many pixels where text has its usual size; it grows with the text. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  const side = `${size / TEXT_PIXELS}rem`;
  return (
    <svg
      width={side}
      height={side}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.4"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
