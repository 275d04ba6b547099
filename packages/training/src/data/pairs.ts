/** Numbers each distinct pair of numbers in order of first sight. Typed arrays: ten million pairs fit. */
export class PairNumbers {
  /** First and second of each pair, by number. */
  #first: Uint32Array;
  #second: Uint32Array;
  // open addressing: number + 1 of the pair in each slot, 0 for none
  #slots: Uint32Array;
  #size = 0;

  constructor(expected = 1024) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(16, expected)));
    this.#first = new Uint32Array(capacity);
    this.#second = new Uint32Array(capacity);
    this.#slots = new Uint32Array(2 * capacity);
  }

  get count(): number {
    return this.#size;
  }

  numberOf(a: number, b: number): number {
    let slot = this.#slotOf(a, b);
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & (this.#slots.length - 1)) {
      const number = this.#slots[slot]! - 1;
      if (this.#first[number] === a && this.#second[number] === b) return number;
    }
    if (this.#size === this.#first.length) {
      this.#grow();
      return this.numberOf(a, b);
    }
    const number = this.#size++;
    this.#first[number] = a;
    this.#second[number] = b;
    this.#slots[slot] = number + 1;
    return number;
  }

  /** The numbers that pair `number` was made of. */
  partsOf(number: number): [number, number] {
    return [this.#first[number]!, this.#second[number]!];
  }

  #slotOf(a: number, b: number): number {
    let hash = Math.imul(a ^ (a >>> 16), 0x7feb352d) ^ Math.imul(b ^ (b >>> 15), 0x846ca68b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    return (hash ^ (hash >>> 13)) & (this.#slots.length - 1);
  }

  #grow(): void {
    const capacity = 2 * this.#first.length;
    const enlarged = (array: Uint32Array): Uint32Array => {
      const larger = new Uint32Array(capacity);
      larger.set(array);
      return larger;
    };
    this.#first = enlarged(this.#first);
    this.#second = enlarged(this.#second);
    this.#slots = new Uint32Array(2 * capacity);
    for (let number = 0; number < this.#size; number++) {
      let slot = this.#slotOf(this.#first[number]!, this.#second[number]!);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1);
      this.#slots[slot] = number + 1;
    }
  }
}
