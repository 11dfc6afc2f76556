/** What `new EphemeralEventSource` takes besides the URL. */
export interface EphemeralEventSourceInit extends EventSourceInit {
  /** Where to POST for an ephemeral token, resolved against the URL. Without it no token is asked for. */
  issuePath?: string;
  /** Returns the principal token; it is asked for before each issuing call, and never kept. */
  token?: () => string | Promise<string>;
  /** Header of the issuing call that carries the principal token: `X-VX11-Token` unless given. */
  header?: string;
  /** One stream for all tabs of the origin; a string is a group of tabs with that name. */
  shared?: boolean | string;
}

/** Why a stream ended or did not open. */
export interface EphemeralErrorEvent extends Event {
  /** Status of the answer that failed; 0 for a network fault, an end, or a token provider that failed. */
  readonly code: number;
  /** The answer's problem code, such as "unauthorized"; empty if it said none. */
  readonly reason: string;
}

export interface EphemeralEventSourceEventMap {
  error: EphemeralErrorEvent;
  message: MessageEvent;
  open: Event;
}

/** EventSource built on fetch, with ephemeral tokens. */
export class EphemeralEventSource extends EventTarget {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSED: 2;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSED: 2;

  /** Absolute, and without any token. */
  readonly url: string;
  readonly withCredentials: boolean;
  readonly readyState: number;
  onopen: ((this: EventSource, event: Event) => any) | null;
  onmessage: ((this: EventSource, event: MessageEvent) => any) | null;
  get onerror(): ((this: EventSource, event: Event) => any) | null;
  set onerror(handler: ((this: EventSource, event: EphemeralErrorEvent) => any) | null);

  constructor(url: string | URL, options?: EphemeralEventSourceInit | null);

  /** Stop at once: nothing is dispatched afterwards. */
  close(): void;

  addEventListener<K extends keyof EphemeralEventSourceEventMap>(
    type: K,
    listener: (this: EventSource, event: EphemeralEventSourceEventMap[K]) => any,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: (this: EventSource, event: MessageEvent) => any,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof EphemeralEventSourceEventMap>(
    type: K,
    listener: (this: EventSource, event: EphemeralEventSourceEventMap[K]) => any,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: (this: EventSource, event: MessageEvent) => any,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void;
}
