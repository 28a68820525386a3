// Owns every request to the server. It must never send anything anywhere else.

import type { Conflict, Document, Failure } from "./schemas.ts";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
  ) {
    super(message);
  }
}

/** Somebody else has changed the document in between. */
export class ConflictError extends ApiError {
  readonly current: Document | null;

  constructor(conflict: Conflict) {
    super(409, conflict.error.kind, conflict.error.message);
    this.current = conflict.current;
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

/** The address of a call, relative to the page's own, so that any path in front of both is kept. */
export function address(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== false) parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return `./api/${path}${text === "" ? "" : `?${text}`}`;
}

export function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return call<T>(address(path, query), signal ? { signal } : {});
}

export function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return send<T>("POST", path, body, signal);
}

export function put<T>(path: string, body: unknown): Promise<T> {
  return send<T>("PUT", path, body);
}

function send<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return call<T>(address(path), {
    method,
    headers: { "Content-Type": "application/json", "X-FerrumDB-CSRF": "1" },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
}

async function call<T>(url: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(
      0,
      "unreachable",
      "The server does not answer. Is the program that serves this page still running?",
    );
  }
  const text = await response.text();
  let body: unknown;
  try {
    body = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new ApiError(
      response.status,
      "internal",
      `The server's answer cannot be read (status ${response.status}).`,
    );
  }
  if (response.ok) return body as T;
  if (response.status === 409 && body instanceof Object && "current" in body)
    throw new ConflictError(body as Conflict);
  const { error } = body as Partial<Failure>;
  throw new ApiError(
    response.status,
    error?.kind ?? "internal",
    error?.message ?? `The server answered with status ${response.status}.`,
  );
}
