// Owns the types of the package, and what its users read of each call. Never says more than the code does.

import { EventEmitter } from "node:events";

/** What can be stored. Integers from -2^63 to 2^64-1 come back exactly, as BigInts beyond 2^53; a number comes back as one. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [name: string]: Json };

/** What can be searched for. Dates, buffers and decimals only with the codec "extended". */
export type Sought = Json | Date | Uint8Array | Decimal | readonly Sought[] | { readonly [name: string]: Sought };

/** Which value each key has: `{ [key: \`user:${string}\`]: User; visits: number }`. */
export type AnySchema = Record<string, any>;

type KeyOf<S> = keyof S & string;
type Entry<S> = [key: KeyOf<S>, value: S[KeyOf<S>]];

/** A field of documents: `"address.city"`, or `["address", "city"]` for names that hold dots. */
export type Field = string | readonly string[];

/** Which keys, in the order of their UTF-8 bytes. */
export interface Range {
  /** Keys that begin so. */
  prefix?: string;
  /** From this key on. */
  start?: string;
  /** Up to this key, and not it, whatever `reverse` says. If it comes before `start` there are none. */
  end?: string;
  reverse?: boolean;
  /** No more than so many. */
  limit?: number;
}

export interface EntriesOptions extends Range {
  /** Only what comes behind this key, in the order in which it is read: to go on where an earlier scan has ended. */
  after?: string;
  /** Ends the iterator with the signal's reason. */
  signal?: AbortSignal;
}

/** Which values of a field. Between bounds there are only values of their own kind; without any, all. */
export interface FieldRange {
  gt?: Sought;
  gte?: Sought;
  lt?: Sought;
  lte?: Sought;
  reverse?: boolean;
  limit?: number;
}

export interface FindOptions {
  /** Takes a string that is itself a quoted JSON string as it is, rather than unquoting it. */
  exact?: boolean;
}

/** An iterator that frees what it holds when it ends, by `break` too. */
export interface Entries<T> extends AsyncIterableIterator<T> {
  [Symbol.asyncDispose](): Promise<void>;
}

export interface IndexInfo {
  field: string;
  segments: string[];
  entries: number;
  bytes: number;
  /** How often it was asked since the database was opened. */
  uses: number;
}

/** The reads that a live collection and a snapshot have in common. */
export interface Reads<S extends object = AnySchema> {
  /** The value under a key; `undefined` if there is none. If it is in the cache, no other thread is asked. */
  get<K extends KeyOf<S>>(key: K): Promise<S[K] | undefined>;
  /** The same, at once. If the value is not in the cache, this thread waits for the disk. */
  getSync<K extends KeyOf<S>>(key: K): S[K] | undefined;
  /** The stored JSON text. */
  getRaw(key: KeyOf<S>): Promise<string | undefined>;
  getRawSync(key: KeyOf<S>): string | undefined;
  /** With the number of the commit that wrote it, for `setIfVersion` and `Transaction.ifVersion`. */
  getWithVersion<K extends KeyOf<S>>(key: K): Promise<{ value: S[K]; version: number } | undefined>;
  /** The values under several keys, in their order, all as of one moment. */
  getMany<K extends KeyOf<S>>(keys: Iterable<K>): Promise<(S[K] | undefined)[]>;
  exists(key: KeyOf<S>): Promise<boolean>;
  hasSync(key: KeyOf<S>): boolean;
  existsMany(keys: Iterable<KeyOf<S>>): Promise<boolean[]>;
  /** The seconds until it expires: `Infinity` if it never does, `undefined` if there is no value. */
  ttl(key: KeyOf<S>): Promise<number | undefined>;
  /** How many values there are, in a range of keys if one is given. */
  count(range?: Range): Promise<number>;
  /** All keys, in no order; with options those of a range, in order. */
  keys(options?: EntriesOptions): Promise<KeyOf<S>[]>;
  /** The keys that begin so, in order. */
  keysWithPrefix(prefix: string): Promise<KeyOf<S>[]>;
  /** Keys and values in the order of the keys, as they stand at this call, whatever is written meanwhile. */
  entries(options?: EntriesOptions): Entries<Entry<S>>;
  /** The keys alone: values are not read. */
  iterateKeys(options?: EntriesOptions): Entries<KeyOf<S>>;
  /**
   * The keys whose value's field equals `value`, or, if it is an array, an item of it. A string that is itself a quoted
   * JSON string is unquoted unless `exact` is said.
   */
  find(field: Field, value: Sought, options?: FindOptions): Promise<KeyOf<S>[]>;
  findEntries(field: Field, value: Sought, options?: FindOptions): Promise<Entry<S>[]>;
  /** The keys whose value's field lies in a range, in the order of the field. */
  findRange(field: Field, range?: FieldRange): Promise<KeyOf<S>[]>;
  findRangeEntries(field: Field, range?: FieldRange): Promise<Entry<S>[]>;
  indexes(): Promise<IndexInfo[]>;
}

/** What a key has held, the newest first. */
export interface Version<T = any> {
  kind: "set" | "deleted" | "expired";
  version: number;
  /** Unless a compaction has kept the version without it. */
  time: Date | undefined;
  value: T | undefined;
  expiresAt: Date | undefined;
}

/** One change of one key, or the drop of a collection. */
export interface Change<T = any> {
  kind: "set" | "deleted" | "expired" | "dropped";
  key: string;
  /** `undefined` for the root. */
  collection: string | undefined;
  /** What was there before, if `before` was asked for. */
  before: T | undefined;
  /** What is there now. */
  after: T | undefined;
  sequence: number;
  time: Date;
  expiresAt: Date | undefined;
  /** Whether no more change of its commit follows. */
  endsCommit: boolean;
}

export interface WatchOptions {
  /** Begins behind this commit rather than now. */
  since?: number;
  prefix?: string;
  /** With what was there before. Default false. */
  before?: boolean;
  /** With what is there now. Default true. */
  after?: boolean;
  signal?: AbortSignal;
}

/** The changes that were committed, in their order, none missed and none twice. It ends when the database is closed. */
export interface Watch<T = any> extends AsyncIterableIterator<Change<T>> {
  /** The newest commit of which every change was told: where to go on by `since`. */
  readonly sequence: number | undefined;
  close(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** One collection of an open database. Each write answers when it is as durable as `fsync` says. */
export interface Collection<S extends object = AnySchema> extends Reads<S>, EventEmitter {
  /** `undefined` for the root. */
  readonly name: string | undefined;
  /** Stores a value. The answer is the number of the commit. */
  set<K extends KeyOf<S>>(key: K, value: S[K]): Promise<number>;
  /** Stores a JSON text, with its numbers as they are spelled. */
  setRaw(key: KeyOf<S>, json: string): Promise<number>;
  /** Stores a value that expires after so many seconds; fractions count. */
  setEx<K extends KeyOf<S>>(key: K, value: S[K], seconds: number): Promise<number>;
  /** Stores a value if there is none: otherwise `FERRUMDB_CONFLICT`. */
  insert<K extends KeyOf<S>>(key: K, value: S[K]): Promise<number>;
  /** Stores a value if there is one: otherwise `FERRUMDB_CONFLICT`. */
  replace<K extends KeyOf<S>>(key: K, value: S[K]): Promise<number>;
  /** Stores a value if the one there is of this version: otherwise `FERRUMDB_CONFLICT`. */
  setIfVersion<K extends KeyOf<S>>(key: K, value: S[K], version: number): Promise<number>;
  deleteIfVersion(key: KeyOf<S>, version: number): Promise<number>;
  /** The answer is whether there was a value. */
  delete(key: KeyOf<S>): Promise<boolean>;
  /** Removes a value and gives it: nobody else gets the same. */
  take<K extends KeyOf<S>>(key: K): Promise<S[K] | undefined>;
  /** Deletes all values whose keys begin so, in one commit. The answer is how many there were. */
  deletePrefix(prefix: string): Promise<number>;
  deleteRange(range: { start?: string; end?: string }): Promise<number>;
  /** Deletes all values, in one commit. Indexes stay. */
  clear(): Promise<number>;
  /** Has the value under a key expire after so many seconds. The answer is whether there is one. */
  expire(key: KeyOf<S>, seconds: number): Promise<boolean>;
  /** Has it stay for ever. */
  persist(key: KeyOf<S>): Promise<boolean>;
  /** Adds to an integer, of which nobody else's addition is lost. The answer is the sum. */
  increment(key: KeyOf<S>, by?: number, options?: { field?: Field }): Promise<number | bigint>;
  /**
   * Replaces the value by what `update` makes of it; `undefined` deletes it. If others change it meanwhile, `update` is
   * run again. When it was to expire, it still does.
   */
  updateWith<K extends KeyOf<S>, R extends S[K] | undefined>(
    key: K,
    update: (value: S[K] | undefined) => R | Promise<R>,
    options?: { attempts?: number },
  ): Promise<R>;
  /** Builds an index beside reads and writes. */
  createIndex(field: Field): Promise<number>;
  dropIndex(field: Field): Promise<number>;
  /** What a key has held, as far back as it is kept: see `keepHistory`. */
  history<K extends KeyOf<S>>(key: K, options?: { limit?: number }): Promise<Version<S[K]>[]>;
  /** What is committed from now on. */
  watch(options?: WatchOptions): Watch<S[KeyOf<S>]>;
  on(event: "change", listener: (change: Change<S[KeyOf<S>]>) => void): this;
  on(event: "close", listener: () => void): this;
  on(event: "error", listener: (error: FerrumDBError) => void): this;
}

/** The database as it was at one moment, until it is closed. */
export interface Snapshot<S extends object = AnySchema> extends Reads<S> {
  /** The newest commit in it. */
  readonly sequence: number;
  readonly time: Date;
  /** The same moment of another collection. */
  collection<T = any>(name: string): Snapshot<Record<string, T>>;
  close(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A decimal number as it was written, with the codec "extended", which other languages have a type for: `9.90` stays that.
 * It is no number of JavaScript: give its text to a library that calculates with such.
 */
export declare class Decimal {
  constructor(text: string | number | bigint);
  toString(): string;
  toJSON(): string;
}

/** What one commit changes: all of it or nothing. */
export declare class Transaction {
  constructor(options?: { codec?: "extended" });
  /** How many operations it has. */
  readonly length: number;
  /** From here on, keys are those of this collection. */
  collection(name: string): this;
  /** From here on, keys are those of the root again. */
  root(): this;
  set(key: string, value: unknown): this;
  setEx(key: string, value: unknown, seconds: number): this;
  delete(key: string): this;
  expire(key: string, seconds: number): this;
  persist(key: string): this;
  dropCollection(name: string): this;
  /** Requires that the value of a key is of this version. */
  ifVersion(key: string, version: number): this;
  ifAbsent(key: string): this;
  ifExists(key: string): this;
}

/** What the function of a `transact` sees. Its reads are of one moment, with what it has written itself. */
export interface OpenTransaction<S extends object = AnySchema> {
  collection<T = any>(name: string): OpenTransaction<Record<string, T>>;
  get<K extends KeyOf<S>>(key: K): Promise<S[K] | undefined>;
  getMany<K extends KeyOf<S>>(keys: Iterable<K>): Promise<(S[K] | undefined)[]>;
  exists(key: KeyOf<S>): Promise<boolean>;
  ttl(key: KeyOf<S>): Promise<number | undefined>;
  count(): Promise<number>;
  entries(range?: Range): Promise<Entry<S>[]>;
  keys(range?: Range): Promise<KeyOf<S>[]>;
  find(field: Field, value: Sought, options?: FindOptions): Promise<KeyOf<S>[]>;
  findEntries(field: Field, value: Sought, options?: FindOptions): Promise<Entry<S>[]>;
  /** In the order of the field. With a limit and an index, what comes behind what was read may change meanwhile. */
  findRange(field: Field, range?: FieldRange): Promise<KeyOf<S>[]>;
  findRangeEntries(field: Field, range?: FieldRange): Promise<Entry<S>[]>;
  set<K extends KeyOf<S>>(key: K, value: S[K]): Promise<void>;
  setEx<K extends KeyOf<S>>(key: K, value: S[K], seconds: number): Promise<void>;
  /** As `set`, and what was to expire still does. */
  update<K extends KeyOf<S>>(key: K, value: S[K]): Promise<void>;
  delete(key: KeyOf<S>): Promise<void>;
  expire(key: KeyOf<S>, seconds: number): Promise<void>;
  persist(key: KeyOf<S>): Promise<void>;
}

export interface ValueOptions {
  /** Takes `Date`, `Buffer` and `Decimal`, which are refused otherwise. */
  codec?: "extended";
  /** What integers beyond 2^53 come back as: BigInts, or the nearest number. Default "exact". */
  integers?: "exact" | "number";
}

export interface OpenOptions extends ValueOptions {
  /** When commits are synced: "always" (default), "never", "periodic" or "periodic:MILLISECONDS". */
  fsync?: "always" | "never" | "periodic" | `periodic:${number}`;
  /** The key that the database is encrypted with: 32 bytes that nobody can guess. */
  encryptionKey?: Uint8Array;
  passphrase?: string;
  /** Follows what another process writes there, and writes nothing. */
  readOnly?: boolean;
  /**
   * The memory for values that were read. Default 256 MiB; 0 keeps none. A thirty-second as much more is kept in texts by each thread
   * that opens the database.
   */
  cacheBytes?: number;
  /** How many bytes of writes may wait for the writer. Default 64 MiB. */
  inboxBytes?: number;
  /** The largest value, in bytes of JSON. Default 64 MiB. */
  maxDocumentBytes?: number;
  /** How many seconds to wait for another process to close the file. Default 0. */
  lockTimeout?: number;
  /** What compactions keep of earlier versions. Default nothing. */
  keepHistory?: { versions: number } | { seconds: number };
  /** Whether the database compacts itself. Default true. */
  autoCompaction?: boolean;
}

/** What a database is besides: its root collection, whose changes it tells with those of all others. */
interface Root<S extends object> extends Omit<Collection<S>, "watch" | "name"> {}
declare const Root: new <S extends object>() => Root<S>;

/** An open database, and its root collection. */
export declare class FerrumDB<
  S extends object = AnySchema,
  C extends Record<string, any> = Record<string, any>,
> extends Root<S> {
  /** Opens a file, and creates it if it is not there. Threads of one process that open the same file share an engine. */
  static open<S extends object = AnySchema, C extends Record<string, any> = Record<string, any>>(
    path: string | URL,
    options?: OpenOptions,
  ): Promise<FerrumDB<S, C>>;
  /** Opens a database without a file, which is gone when it is closed. */
  static openInMemory<S extends object = AnySchema, C extends Record<string, any> = Record<string, any>>(
    options?: ValueOptions,
  ): Promise<FerrumDB<S, C>>;
  private constructor();
  readonly path: string;
  readonly closed: boolean;
  /** Commits all of a transaction or nothing. The answer is the number of the commit. */
  commit(transaction: Transaction): Promise<number>;
  /** Runs `run` until what it has read is unchanged when it commits: transactions are serializable. */
  transact<R>(run: (tx: OpenTransaction<S>) => Promise<R>, options?: { attempts?: number }): Promise<R>;
  collection<N extends KeyOf<C>>(name: N): Collection<Record<string, C[N]>>;
  collections(): Promise<{ name: string; documents: number; indexes: number }[]>;
  /** Drops a collection with all that is in it, in one commit. The answer is whether there was one. */
  dropCollection(name: string): Promise<boolean>;
  /** The database as it is now, for as long as the snapshot is kept. */
  snapshot(): Snapshot<S>;
  /** The database as it was after an earlier commit, or at a time. */
  at(moment: number | Date): Promise<Snapshot<S>>;
  /** What is committed in all collections, or in one: `null` is the root. */
  watch(options?: WatchOptions & { collection?: string | null }): Watch;
  /** Makes durable everything that was accepted before this call. */
  sync(): Promise<void>;
  /** Lets another key open the database from now on. */
  rekey(key: { encryptionKey: Uint8Array } | { passphrase: string }): Promise<void>;
  /** Writes the file anew without what is not needed any more, beside reads and writes. */
  compact(options?: { signal?: AbortSignal }): Promise<CompactionReport>;
  /** Writes a backup to a new file; with `since`, of the commits behind that one. */
  backup(path: string | URL, options?: { since?: number }): Promise<BackupReport>;
  /** Reads the whole log from the disk, and tells what is not as it should be. */
  verify(): Promise<VerifyReport>;
  /** Writes everything to a new file, as lines of JSON. */
  exportJson(path: string | URL, options?: { signal?: AbortSignal }): Promise<{ sequence: number; documents: number }>;
  /** Sets what an export holds, in many commits: from a path, or from a stream of its text. */
  importJson(
    from: string | URL | AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
    options?: { signal?: AbortSignal },
  ): Promise<{ documents: number }>;
  stats(): Promise<Stats>;
  /** How far a database that was opened to read only is behind its owner. */
  lag(): Promise<{ sequence: number; published: number; behindMs: number }>;
  /**
   * Serves Ferrum Studio, a page to look into the database, to browsers on this machine: nobody else, and nothing can be
   * changed there unless `writes` is said. It keeps the process alive until it is stopped, or the database is closed.
   */
  startStudio(port?: number, options?: { writes?: boolean }): Promise<Studio>;
  /** Answers when the file is free, unless other threads have it open. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A server of Ferrum Studio. */
export interface Studio {
  /** An address to open in a browser: the secret in it works once. Each look gives another one. */
  readonly launchUrl: string | undefined;
  /** The address without a secret, for a browser that has opened the other one before. */
  readonly url: string | undefined;
  /** The port: another one, if the one that was asked for was taken. */
  readonly port: number | undefined;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface CompactionReport {
  bytesBefore: number;
  bytesAfter: number;
  recordsDropped: number;
  tookMs: number;
}

export interface BackupReport {
  /** The newest commit in it: an incremental backup that is to follow it begins there. */
  sequence: number;
  since: number | undefined;
  bytes: number;
  records: number;
  tookMs: number;
}

export interface VerifyReport {
  sound: boolean;
  sequence: number;
  commits: number;
  records: number;
  documents: number;
  bytes: number;
  tornBytes: number;
  findingsTotal: number;
  findings: { position: number; sequence: number | null; key: string | null; what: string }[];
}

export interface Distribution {
  count: number;
  p50: number;
  p90: number;
  p99: number;
  p99_9: number;
  max: number;
}

export interface Stats {
  path: string;
  sequence: number;
  documents: number;
  collections: number;
  fileBytes: number;
  heldBytes: number;
  logBytes: number;
  liveBytes: number;
  deadBytes: number;
  cacheBytes: number;
  pins: number;
  oldestPin: number | null;
  undoVersions: number;
  undoBytes: number;
  snapshots: number;
  oldestSnapshotMs: number | null;
  recovery: { clean: boolean; commits: number; hint: number | null; tornBytes: number; tornFile: string | null };
  metrics: {
    gets: number;
    cacheHits: number;
    cacheMisses: number;
    sets: number;
    deletes: number;
    commits: number;
    groups: number;
    conflicts: number;
    purged: number;
    errors: number;
    bytesWritten: number;
    inboxCommands: number;
    inboxBytes: number;
    getNanos: Distribution;
    commitNanos: Distribution;
    syncNanos: Distribution;
    groupSizes: Distribution;
    operationsPerSecond: number;
    uptimeMs: number;
  };
}

/** The codes of errors. A code, once given, stays. */
export type ErrorCode =
  | "FERRUMDB_LOCKED"
  | "FERRUMDB_IS_A_DIRECTORY"
  | "FERRUMDB_NO_SUCH_FOLDER"
  | "FERRUMDB_NOT_A_DATABASE"
  | "FERRUMDB_UNSUPPORTED_FORMAT"
  | "FERRUMDB_KEY_NEEDED"
  | "FERRUMDB_NOT_ENCRYPTED"
  | "FERRUMDB_WRONG_KEY"
  | "FERRUMDB_TAMPERED"
  | "FERRUMDB_KEY_WORN_OUT"
  | "FERRUMDB_DAMAGED"
  | "FERRUMDB_IO"
  | "FERRUMDB_TOO_LARGE"
  | "FERRUMDB_INVALID_JSON"
  | "FERRUMDB_INVALID_ARGUMENT"
  | "FERRUMDB_NOT_SERIALIZABLE"
  | "FERRUMDB_TYPE_MISMATCH"
  | "FERRUMDB_OVERFLOW"
  | "FERRUMDB_INDEX_EXISTS"
  | "FERRUMDB_NO_SUCH_INDEX"
  | "FERRUMDB_INVALID_NAME"
  | "FERRUMDB_CANCELLED"
  | "FERRUMDB_INVALID_PATH"
  | "FERRUMDB_CONFLICT"
  | "FERRUMDB_IN_DOUBT"
  | "FERRUMDB_POISONED"
  | "FERRUMDB_READ_ONLY"
  | "FERRUMDB_REPLACED"
  | "FERRUMDB_CLOSED"
  | "FERRUMDB_FORKED"
  | "FERRUMDB_INVALID_CONFIG"
  | "FERRUMDB_ALREADY_EXISTS"
  | "FERRUMDB_HISTORY_DROPPED"
  | "FERRUMDB_LAGGED"
  | "FERRUMDB_NO_SUCH_COMMIT"
  | "FERRUMDB_WRONG_INCREMENT"
  | "FERRUMDB_OTHER";

/** What went wrong. Its text says what to do, where there is something to do. */
export declare class FerrumDBError extends Error {
  private constructor();
  readonly name: "FerrumDBError";
  readonly code: ErrorCode;
  /** The key that it is about, if it is about one. */
  readonly key?: string;
  /** The collection of that key, unless that is the root. */
  readonly collection?: string;
  /** The file that it is about, or the place in a value that cannot be stored: `$.tags[3]`. */
  readonly path?: string;
  /** After `FERRUMDB_CONFLICT`: the version that was there instead. */
  readonly found?: number;
  /** After `FERRUMDB_CONFLICT` of a `transact`: how often it was run. */
  readonly attempts?: number;
}
