// Server-sent events, read from text as it arrives. https://html.spec.whatwg.org/multipage/server-sent-events.html

/** Reads the `data` of events. A piece of text may end anywhere, even within a line's end. */
export class EventReader {
  #rest = '';
  #data = [];

  /** Take more text. Gives the data of the events that it completes. */
  push(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    return lines.map((line) => this.#line(line)).filter((data) => data !== null);
  }

  #line(line) {
    if (line === '') {
      const data = this.#data.length ? this.#data.join('\n') : null;
      this.#data = [];
      return data;
    }
    const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
    if (name === 'data') this.#data.push(value ?? '');
    return null;
  }
}
