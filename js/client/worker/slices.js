/**
 * Reading a document item by item, as it comes: the whole in one go would hold the isolate, and every request in it, for as long as that
 * takes.
 *
 * Any JSON will do, however it is laid out. What stands between items is read here, each item is left to `JSON.parse`.
 * @module
 */

/**
 * Is told of a member of an inner object, that object's name, its own, its value, and returns what is to stand for it.
 * @typedef {(of: string, name: string, value: any) => any} Told
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const OPEN_LIST = 0x5b;
const CLOSE = 0x7d;
const CLOSE_LIST = 0x5d;
const BLANK = /^[ \t\n\r]*$/;
const NAMED = /^[ \t\n\r]*"(\w+)"[ \t\n\r]*:[ \t\n\r]*$/;

/** Takes the text of a document piece by piece. Throws `SyntaxError` for what is no JSON, at the end at the latest. */
export class Slices {
  /** From the member on that is being read. */
  #text = "";
  /** Where in it that member begins, and how far it was looked at. */
  #from = 0;
  #at = 0;
  #isInString = false;
  /** How many objects and lists are open, and how many of them are read member by member: the document, and an inner object. */
  #depth = 0;
  #level = 0;
  /** A comma came: a member has to follow. */
  #isOwed = false;
  /** An inner object came: no more of that member may follow. */
  #isOver = false;
  /** It is no object, and left to `JSON.parse` whole. */
  #isOther = false;
  #isDone = false;
  /** @type {[string, any][]} */
  #members = [];
  /** The members of the inner object that is open. */
  #inner = this.#members;
  #of = "";
  #names;
  #tell;

  /**
   * @param {readonly string[]} names of the inner objects
   * @param {Told} tell
   */
  constructor(names, tell) {
    this.#names = names;
    this.#tell = tell;
  }

  /** Take the next piece of the text. @param {string} piece */
  put(piece) {
    this.#text += piece;
    if (this.#level === 0 && !this.#isDone && !this.#isOther) this.#begin();
    if (this.#level > 0) this.#read();
  }

  /** Return the document, once all of its text is there. @returns {any} */
  end() {
    if (this.#isOther) return JSON.parse(this.#text);
    if (!this.#isDone) throw new SyntaxError("it ends early");
    mustBeBlank(this.#text);
    return Object.fromEntries(this.#members);
  }

  #begin() {
    const at = this.#text.search(/[^ \t\n\r]/);
    if (at < 0) return;
    this.#isOther = this.#text.charCodeAt(at) !== OPEN;
    if (this.#isOther) return;
    this.#depth = this.#level = 1;
    this.#from = this.#at = at + 1;
  }

  #read() {
    const { length } = this.#text;
    while (this.#at < length && !this.#isDone) {
      if (this.#isInString) this.#at = this.#stringEnd();
      else this.#look(this.#text.charCodeAt(this.#at++));
    }
    this.#text = this.#text.slice(this.#from);
    this.#at -= this.#from;
    this.#from = 0;
  }

  /** Return where the string ends, or the text. */
  #stringEnd() {
    const text = this.#text;
    for (let at = this.#at; (at = text.indexOf('"', at)) >= 0; at++) {
      let slashes = 0;
      while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
      this.#isInString = slashes % 2 === 1;
      if (!this.#isInString) return at + 1;
    }
    return text.length;
  }

  /** @param {number} code the character before `#at`, outside of strings */
  #look(code) {
    if (code === QUOTE) this.#isInString = true;
    else if (code === OPEN || code === OPEN_LIST) this.#open(code);
    else if (code === CLOSE || code === CLOSE_LIST) this.#close(code);
    else if (code === COMMA && this.#depth === this.#level) {
      this.#keep(this.#piece());
      this.#isOwed = true;
    }
  }

  /** Return the text of the member that ends before the last character; the next one begins behind that. */
  #piece() {
    const piece = this.#text.slice(this.#from, this.#at - 1);
    this.#from = this.#at;
    return piece;
  }

  /** @param {number} code */
  #open(code) {
    this.#depth++;
    if (code !== OPEN || this.#depth !== 2 || this.#level !== 1 || this.#isOver) return;
    const name = NAMED.exec(this.#text.slice(this.#from, this.#at - 1))?.[1] ?? "";
    if (!this.#names.includes(name)) return;
    this.#piece();
    this.#level = 2;
    this.#of = name;
    this.#inner = [];
    this.#isOwed = false;
  }

  /** @param {number} code */
  #close(code) {
    if (this.#depth-- > this.#level) return;
    if (code !== CLOSE) throw new SyntaxError("an object ends like a list");
    const piece = this.#piece();
    if (this.#isOwed || this.#isOver || !BLANK.test(piece)) this.#keep(piece);
    this.#isOwed = false;
    this.#level--;
    this.#isDone = this.#level === 0;
    if (this.#isDone) return;
    this.#members.push([this.#of, Object.fromEntries(this.#inner)]);
    this.#inner = this.#members;
    this.#isOver = true;
  }

  /** @param {string} piece */
  #keep(piece) {
    if (this.#isOver) mustBeBlank(piece);
    else {
      const [member, other] = Object.entries(JSON.parse(`{${piece}}`));
      if (member === undefined || other !== undefined) throw new SyntaxError("a comma stands for nothing");
      if (this.#level === 2) member[1] = this.#tell(this.#of, ...member);
      this.#inner.push(member);
    }
    this.#isOver = false;
  }
}

/** @param {string} text */
function mustBeBlank(text) {
  if (!BLANK.test(text)) throw new SyntaxError(`it goes on with ${JSON.stringify(text.slice(0, 20))}`);
}
