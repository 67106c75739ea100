// The one EventSource of the tab: browsers allow six connections to a host.

/** @typedef {{number: number, at: string, real_at: string, sandbox: string, kind: string, data: any}} MockEvent */

const MOST_WAITING = 5000;
const PAUSE = 2000;

export class Stream {
  /**
   * @param {string | null} sandbox its id; null is for the events of all
   * @param {number} since the number of the last event that is known
   * @param {{events: (list: MockEvent[]) => void, missed: () => void,
   *   state: (state: "connecting" | "live" | "lost") => void}} listener gets what has happened, at
   *   most once a frame; `missed` is called when something may be unknown
   */
  constructor(sandbox, since, listener) {
    this.sandbox = sandbox;
    this.last = since;
    this.listener = listener;
    /** @type {MockEvent[]} */
    this.waiting = [];
    this.isMissed = false;
    this.wasLost = false;
    this.isAsked = false;
    this.connect();
    window.addEventListener("pagehide", () => this.source?.close());
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.connect();
    });
  }

  connect() {
    const whose = this.sandbox === null ? "all=true" : `sandbox=${encodeURIComponent(this.sandbox)}`;
    this.listener.state("connecting");
    this.source = new EventSource(`/__mock/events?${whose}&since=${this.last}`);
    this.source.addEventListener("open", () => this.opened());
    this.source.addEventListener("message", (event) => this.heard(JSON.parse(event.data)));
    this.source.addEventListener("missed", () => this.miss());
    this.source.addEventListener("error", () => this.failed());
  }

  opened() {
    this.listener.state("live");
    if (this.wasLost) this.miss(); // the mock may be another one now
    this.wasLost = false;
  }

  failed() {
    this.wasLost = true;
    this.listener.state("lost");
    if (this.source?.readyState === EventSource.CLOSED) setTimeout(() => this.connect(), PAUSE);
  }

  /** @param {MockEvent} event */
  heard(event) {
    this.last = event.number;
    this.waiting.push(event);
    if (this.waiting.length > MOST_WAITING) { // a tab in the background draws no frames
      this.waiting.length = 0;
      this.isMissed = true;
    }
    this.ask();
  }

  miss() {
    this.isMissed = true;
    this.ask();
  }

  ask() {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => this.deliver());
  }

  deliver() {
    this.isAsked = false;
    const list = this.waiting, isMissed = this.isMissed;
    this.waiting = [];
    this.isMissed = false;
    if (isMissed) this.listener.missed();
    if (list.length) this.listener.events(list);
  }
}
