// Owns the arithmetic of a list that is longer than a browser can lay out: where its rows are while the scrollbar covers
// less than they need. It must never skip rows when somebody scrolls by a little.

/** No element is made taller than this: browsers lay out no more than some 17 million pixels. */
export const HEIGHT_MAX = 8_000_000;

/**
 * Two positions: `physical`, which the browser scrolls, and `top`, the pixel of the whole list that is at the upper edge.
 * Small steps move both alike; a jump of the scrollbar goes to the same fraction of the list.
 */
export class ScrollSpan {
  #physical = 0;
  #top = 0;

  constructor(
    /** What all rows take. */
    public total: number,
    /** What is seen of them. */
    public view: number,
  ) {}

  get top(): number {
    return this.#top;
  }

  get physical(): number {
    return this.#physical;
  }

  /** How tall the scrolled element is. */
  get height(): number {
    return Math.min(this.total, HEIGHT_MAX);
  }

  /** Where to draw what is at `position` of the list, in the scrolled element. */
  place(position: number): number {
    return position - this.#top + this.#physical;
  }

  /** The browser has scrolled to `physical`. */
  scrolled(physical: number): void {
    const step = physical - this.#physical;
    this.#physical = physical;
    const small = Math.abs(step) <= this.view * 2;
    const atEdge = physical <= 0 || physical >= this.height - this.view;
    this.#top = this.#clamp(small && !atEdge ? this.#top + step : physical * this.#ratio());
  }

  /** Goes to a position of the list; answers where the browser has to scroll to. */
  moveTo(top: number): number {
    this.#top = this.#clamp(top);
    this.#physical = this.#top / this.#ratio();
    return this.#physical;
  }

  /** Once nobody scrolls: answers where the scrollbar belongs, so that small steps never end before the list does. */
  settle(): number {
    return this.moveTo(this.#top);
  }

  #ratio(): number {
    const room = this.height - this.view;
    return room <= 0 ? 1 : (this.total - this.view) / room;
  }

  #clamp(top: number): number {
    return Math.max(0, Math.min(top, this.total - this.view));
  }
}
