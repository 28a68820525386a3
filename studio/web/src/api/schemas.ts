// Owns the shapes of what the server answers. Made from `studio/openapi.json`: never edit it by hand.

/** What went wrong. */
export interface Failure {
  /** The error. */
  error: {
    /** A word to decide by: those of the library's `ErrorKind` in lower case with underscores, and `unauthorized`, `forbidden`, `bad_request`, `not_found`, `method_not_allowed`, `misdirected`, `unsupported_media_type`, `busy`, `timeout`, `gone`, `internal`. */
    kind: string;
    /** A sentence that says what to do. */
    message: string;
  };
}

/** A document that is of another version than was expected: both sides. */
export interface Conflict {
  error: Failure["error"];
  current: Document | null;
  /** The text that was to be stored; null where none was. */
  yours: string | null;
}

/** Who serves what. */
export interface Session {
  /** The version of FerrumDB. */
  version: string;
  /** The name of the file. */
  name: string;
  /** Its whole path. */
  path: string;
  /** `write`; `read_only`, since writing was not allowed at the start; or `follower`, since another process owns the file. */
  access: "write" | "read_only" | "follower";
  /** Beyond these, requests are refused. */
  limits: {
    /** The body of a request. */
    body_bytes: number;
    /** A key. */
    key_bytes: number;
    /** The keys of one deletion. */
    selection: number;
  };
  /** For how long a deletion can be undone. */
  undo_seconds: number;
}

/** The database at this moment. */
export interface Overview {
  /** The newest commit. */
  sequence: number;
  /** Documents in all collections. */
  documents: number;
  /** Collections besides the root. */
  collections: number;
  /** Sizes in bytes. */
  bytes: {
    /** The file, space prepared ahead included. */
    file: number;
    /** The log. */
    log: number;
    /** What the newest versions take in it. */
    live: number;
    /** What a compaction would win. */
    dead: number;
    /** Files from before a compaction that snapshots still read. */
    held: number;
  };
  /** What readers hold. */
  memory: {
    /** The cache of documents. */
    cache_bytes: number;
    /** Open snapshots and iterations. */
    pins: number;
    /** Open snapshots. */
    snapshots: number;
    /** For how long the oldest has been open. */
    oldest_snapshot_ms: number | null;
    /** Versions that are remembered for them. */
    undo_versions: number;
    /** The memory that those take. */
    undo_bytes: number;
  };
  file: File;
  /** How the opening went. */
  recovery: {
    /** Whether the database had been closed. */
    clean: boolean;
    /** Commits that were read from the log. */
    commits: number;
    /** An unfinished end that was cut off. */
    torn_bytes: number;
    /** Where that was saved. */
    torn_file: string | null;
  };
  lag: Lag | null;
  sample: Sample | null;
}

/** The facts of the file. */
export interface File {
  /** Its name. */
  name: string;
  /** Its whole path. */
  path: string;
  /** The version of its format. */
  format_version: number;
  /** How many compactions it has seen. */
  generation: number;
  /** The commit from which on every version is in the file. */
  history_floor: number;
  /** Whether it is encrypted. */
  encrypted: boolean;
  /** When commits are synced: `always`, `never`, or `periodic:100` in milliseconds; null for a follower, whose owner decides. */
  fsync: string | null;
}

/** How far a follower is behind. */
export interface Lag {
  /** The newest commit that is shown. */
  sequence: number;
  /** The newest commit of the owner. */
  published: number;
  /** For how long not all has been shown. */
  behind_ms: number;
  /** Why it does not come any further. */
  error: string | null;
}

/** The figures of about one second. Times are null where nothing was measured. */
export interface Sample {
  /** When, in milliseconds since 1970. */
  time: number;
  /** Keys looked up. */
  gets_per_second: number;
  /** Sets and deletes. */
  writes_per_second: number;
  /** Commits. */
  commits_per_second: number;
  /** Calls that failed. */
  errors_per_second: number;
  /** Half of the gets took no longer. */
  get_p50_ns: number | null;
  /** 99 in a hundred gets took no longer. */
  get_p99_ns: number | null;
  /** Half of the commits took no longer, from call to answer. */
  commit_p50_ns: number | null;
  /** 99 in a hundred commits took no longer. */
  commit_p99_ns: number | null;
  /** Half of the syncs took no longer. */
  sync_p50_ns: number | null;
  /** 99 in a hundred syncs took no longer. */
  sync_p99_ns: number | null;
  /** Half of the groups had no more commits. */
  group_p50: number | null;
  /** The largest group, in commits. */
  group_max: number | null;
  /** The part of the gets of documents that the cache answered, from 0 to 1. */
  cache_hit_ratio: number | null;
  /** Documents in all collections. */
  documents: number;
  /** What the newest versions take in the log. */
  live_bytes: number;
  /** What a compaction would win. */
  dead_bytes: number;
  /** The length of the file. */
  file_bytes: number;
  /** What the cache holds. */
  cache_bytes: number;
  /** Commands that wait for the writer. */
  inbox_commands: number;
  /** Of a follower: for how long it has not shown all that its owner has published. */
  lag_ms: number | null;
  /** Of a follower: how many commits it is behind. */
  lag_commits: number | null;
}

/** Samples by columns: one array for each property of a Sample, `time` among them. */
export interface Series {
  /** The time between two samples. */
  step_ms: number;
  /** The columns. */
  columns: Record<string, (number | null)[]>;
}

/** A collection. */
export interface Collection {
  /** Its name; null is the root. */
  name: string | null;
  /** Its documents. */
  documents: number;
  /** Its indexes. */
  indexes: number;
}

/** A key, and what is known of its document. */
export interface KeyInfo {
  /** The key. */
  key: string;
  /** The commit that wrote it. */
  version: number;
  /** The length of its text, in bytes. */
  bytes: number;
  /** How long it will stay, in milliseconds; null is for ever. */
  ttl_ms: number | null;
  /** The beginning of the document's text, if it was asked for. */
  preview?: string;
}

/** A page of keys. */
export interface Keys {
  /** How many keys there are with this prefix. */
  total: number;
  keys: KeyInfo[];
  /** Whether there are more behind these. */
  more: boolean;
}

/** What is right below a prefix. */
export interface Tree {
  nodes: Node[];
  /** Where the next page begins; null if there is none. */
  next: string | null;
}

/** A branch, or a key. */
export interface Node {
  /** Which of the two. */
  kind: "branch" | "key";
  /** Its segment, without the delimiter. */
  name: string;
  /** Of a branch, the prefix of its keys; of a key, the key. */
  path: string;
  /** How many keys it has. */
  keys: number;
  /** How long the texts of their documents are, in all. */
  bytes: number;
  /** Whether `bytes` was added up; otherwise it is estimated from some of the keys. */
  exact: boolean;
  /** Of a key: the commit that wrote its document. */
  version?: number;
  /** Of a key: how long it will stay; null is for ever. */
  ttl_ms?: number | null;
}

/** A document. */
export interface Document {
  /** The key. */
  key: string;
  /** The commit that wrote it. */
  version: number;
  /** The length of its text, in bytes. */
  bytes: number;
  /** How long it will stay, in milliseconds; null is for ever. */
  ttl_ms: number | null;
  /** The collection; null is the root. */
  collection: string | null;
  /** Its JSON text, compact, with its numbers as they are spelled. */
  text: string;
}

/** What was deleted. */
export interface Deleted {
  /** How many documents. */
  deleted: number;
  undo: Undo | null;
}

/** What would be deleted. */
export interface DryRun {
  /** How many documents. */
  documents: number;
  /** How long their texts are, in all. */
  bytes: number;
  /** Whether `bytes` was added up; otherwise it is estimated. */
  exact: boolean;
}

/** A deletion that can be undone. */
export interface Undo {
  /** Its number. */
  id: number;
  /** What was deleted, in words. */
  what: string;
  /** How many documents. */
  documents: number;
  /** Until when, in milliseconds since 1970. */
  until: number;
}

/** What a key has held. */
export interface History {
  versions: Version[];
  /** Whether there are earlier ones. */
  more: boolean;
  /** The history floor: what was replaced before this commit may be gone. */
  floor: number;
}

/** What a key has held from one commit on. */
export interface Version {
  /** The commit. */
  sequence: number;
  /** Its time, in milliseconds since 1970, where it is known. */
  time: number | null;
  kind: ChangeKind;
  /** The document; null if there was none from then on. */
  text: string | null;
  /** The length of its text. */
  bytes: number;
  /** When it expires, in milliseconds since 1970. */
  expires_at: number | null;
}

/** What became of the key. */
export type ChangeKind = "set" | "deleted" | "expired" | "dropped";

/** One change. */
export interface Change {
  /** The commit. */
  sequence: number;
  /** Its time, in milliseconds since 1970. */
  time: number;
  /** The collection; null is the root. */
  collection: string | null;
  /** The key; empty if a collection was dropped. */
  key: string;
  kind: ChangeKind;
  before: Text | null;
  after: Text | null;
  /** When the new document expires, in milliseconds since 1970. */
  expires_at: number | null;
}

/** A document's text, or its beginning. */
export interface Text {
  /** The first 16 KiB of it, or all of it. */
  text: string;
  /** The length of all of it. */
  bytes: number;
}

/** A field: dotted text, or the list of its segments. */
export type Field = string | string[];

/** An index. */
export interface Index {
  /** Its field as text. */
  name: string;
  /** The segments of its field. */
  field: string[];
  /** Whether it can be used. */
  state: "ready" | "building";
  /** One for each document and each of its distinct values. */
  entries: number;
  /** The memory that it takes, about. */
  bytes: number;
  /** How often it was asked since the database was opened. */
  uses: number;
  job: Job | null;
}

/** Documents by value. */
export interface Found {
  /** Whether an index has answered; otherwise every document was looked at. */
  index: boolean;
  /** How long it took. */
  took_ms: number;
  keys: KeyInfo[];
  /** Whether there are more behind these. */
  more: boolean;
}

/** Work that goes on in the background. */
export interface Job {
  /** Its number. */
  id: number;
  /** What it does. */
  kind: "compact" | "verify" | "backup" | "index" | "delete" | "undo";
  /** What it does, in words. */
  title: string;
  /** How it stands. */
  state: "running" | "done" | "failed" | "cancelled";
  /** How much is done. */
  done: number;
  /** How much there is; 0 where it is not known. */
  of: number;
  /** Of what. */
  unit: "bytes" | "documents";
  /** When it began, in milliseconds since 1970. */
  started: number;
  /** When it ended. */
  ended: number | null;
  /** What came of it: by its kind, a Compaction, a Verification, a BackedUp, an index's commit, a Deleted, or a Restored. */
  result: Compaction | Verification | BackedUp | Built | Deleted | Restored | null;
  error: {
    kind: string;
    message: string;
  } | null;
}

/** What a compaction has done. */
export interface Compaction {
  /** The log before it. */
  bytes_before: number;
  /** The log after it. */
  bytes_after: number;
  /** Records that were left out. */
  records_dropped: number;
  /** How long it took. */
  took_ms: number;
}

/** A backup that can be saved. */
export interface BackedUp {
  /** The name under which it is saved. */
  file_name: string;
  /** The newest commit in it. */
  sequence: number;
  /** Its records. */
  records: number;
  /** The length of its file. */
  bytes: number;
  /** How long it took. */
  took_ms: number;
  /** Until when it can be saved, in milliseconds since 1970. */
  until: number;
}

/** What a verification has found. */
export interface Verification {
  /** Whether all is as it should be. */
  sound: boolean;
  /** The newest commit that it has looked at. */
  sequence: number;
  /** Whole commits. */
  commits: number;
  /** Records that check. */
  records: number;
  /** Documents. */
  documents: number;
  /** Bytes that were read. */
  bytes: number;
  /** An unfinished end, which is no damage. */
  torn_bytes: number;
  /** The first hundred. */
  findings: {
    /** Where in the file. */
    position: number;
    /** The commit. */
    sequence: number | null;
    /** The key. */
    key: string | null;
    /** What is wrong. */
    what: string;
  }[];
  /** How many there are. */
  findings_total: number;
}

/** An index was built. */
export interface Built {
  /** The commit from which on it is used. */
  sequence: number;
}

/** A deletion was undone. */
export interface Restored {
  /** Documents that came back. */
  restored: number;
  /** Keys that had a new document, which stays, and documents that would have expired by now. */
  kept: number;
}

/** What was imported, or would be. */
export interface Imported {
  /** Documents in this piece. */
  documents: number;
  /** Documents that were stored. */
  written: number;
  /** Documents that were there already. */
  skipped: number;
  /** Lines that are no documents. */
  failed: number;
  /** The first hundred. */
  errors: {
    /** Its number in the file. */
    line: number;
    /** Why. */
    message: string;
  }[];
  /** The first twenty, if it was a preview. */
  preview: {
    /** Its key. */
    key: string;
    /** Its collection. */
    collection: string | null;
    /** The first 16 KiB of its text. */
    text: string;
    /** Whether there is one already. */
    exists: boolean;
  }[];
  /** Whether lines of an export were expected: to be said of later pieces. */
  export: boolean;
}
