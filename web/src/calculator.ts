// Arithmetic as people and models write it: × ÷ − ^, percent, and words ("twice", "6 times seven", "15 % of 80").
//
//   sum = product (+|- product)*        "200 + 10 %" adds a tenth of 200, as pocket calculators do
//   product = power ((*|/|mod|of) power)*
//   power = sign (^ power)?             from the right: 2^3^2 = 2^9
//   sign = -sign | postfix
//   postfix = value (!|%)*
//   value = number | name | name(sum, …) | (sum)

const small = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve', 'thirteen', 'fourteen', 'fifteen',
    'sixteen', 'seventeen', 'eighteen', 'nineteen'];
const tens = ['', '', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];
const scales: Record<string, number> = { hundred: 100, thousand: 1e3, million: 1e6, billion: 1e9 };
const smallWord = [...small, ...tens].filter(Boolean).join('|');

const words: [RegExp, string][] = [
    [/^\s*(?:what(?:'s| is)|calculate|compute|how much is)\b/i, ' '], [/[=?.\s]+$/, ''],
    [/[×·∙⋅∗✕]/g, '*'], [/[÷∕]/g, '/'], [/[−–—]/g, '-'], [/\*\*/g, '^'], [/²/g, '^2'], [/³/g, '^3'], [/√/g, ' sqrt '], [/π/g, ' pi '],
    [/\b(?:multiplied by|times)\b/gi, '*'], [/(?<=\d)\s*x\s*(?=\d)/gi, '*'], [/\b(?:divided by|over|per)\b/gi, '/'], [/\bplus\b/gi, '+'], [/\b(?:minus|less)\b/gi, '-'],
    [/\b(?:raised )?to the power (?:of )?/gi, '^'], [/\bsquared\b/gi, '^2'], [/\bcubed\b/gi, '^3'], [/\bper ?cent\b/gi, '%'], [/\bmodulo\b/gi, 'mod'],
    [/\bthe (?=square|cube)/gi, ''], [/\bsquare root(?: of)?\b/gi, ' sqrt '], [/\bcube root(?: of)?\b/gi, ' cbrt '],
    [/\b(?:half|a half)\b/gi, '0.5'], [/\b(?:twice|double)\b/gi, '2*'],
];

const functions: Record<string, (...given: number[]) => number> = {
    sqrt: Math.sqrt, cbrt: Math.cbrt, abs: Math.abs, ln: Math.log, log: Math.log10, log2: Math.log2, exp: Math.exp, sin: Math.sin, cos: Math.cos, tan: Math.tan,
    asin: Math.asin, acos: Math.acos, atan: Math.atan, round: Math.round, floor: Math.floor, ceil: Math.ceil, min: Math.min, max: Math.max, pow: Math.pow,
};
const constants: Record<string, number> = { pi: Math.PI, e: Math.E, tau: 2 * Math.PI };
const deepest = 200;

// "three hundred and twenty-one" -> "321".
function numberWords(text: string): string {
    const word = `(?:${smallWord}|${Object.keys(scales).join('|')})`;
    return text.replace(new RegExp(`\\b${word}(?:[\\s-]+(?:and\\s+)?${word})*\\b`, 'gi'), (found) => {
        let total = 0;
        let part = 0;
        for (const each of found.toLowerCase().split(/[\s-]+/)) {
            if (small.includes(each)) part += small.indexOf(each);
            else if (tens.includes(each)) part += 10 * tens.indexOf(each);
            else if (each === 'hundred') part = (part || 1) * 100;
            else if (Object.hasOwn(scales, each)) { total += (part || 1) * scales[each]; part = 0; }
        }
        return String(total + part);
    });
}

interface Value { value: number; isPercent: boolean }

class Reader {
    private at = 0;
    private depth = 0;
    constructor(private readonly tokens: string[]) {}

    whole(): number {
        const { value } = this.sum();
        if (this.at < this.tokens.length) throw new Error(`Not understood: ${this.tokens[this.at]}`);
        return value;
    }

    private next(...wanted: string[]): string | undefined { return wanted.includes(this.tokens[this.at]) ? this.tokens[this.at++] : undefined; }

    private sum(): Value {
        if (++this.depth > deepest) throw new Error('The expression is too deep.');
        let left = this.product();
        for (let sign = this.next('+', '-'); sign; sign = this.next('+', '-')) {
            const right = this.product();
            const amount = right.isPercent && !left.isPercent ? left.value * right.value : right.value;
            left = { value: sign === '+' ? left.value + amount : left.value - amount, isPercent: left.isPercent && right.isPercent };
        }
        this.depth--;
        return left;
    }

    private product(): Value {
        let left = this.power();
        for (let sign = this.next('*', '/', 'mod', 'of'); sign; sign = this.next('*', '/', 'mod', 'of')) {
            const right = this.power();
            if (sign !== '*' && sign !== 'of' && right.value === 0) throw new Error('Division by zero.');
            left = { value: sign === '/' ? left.value / right.value : sign === 'mod' ? left.value % right.value : left.value * right.value, isPercent: false };
        }
        return left;
    }

    private power(): Value {
        if (++this.depth > deepest) throw new Error('The expression is too deep.');
        const isNegative = this.next('-') !== undefined;   // -2^2 = -(2^2)
        if (!isNegative) this.next('+');
        let base = isNegative ? this.power() : this.postfix();
        if (!isNegative && this.next('^')) base = { value: base.value ** this.power().value, isPercent: false };
        this.depth--;
        return isNegative ? { ...base, value: -base.value } : base;
    }

    private postfix(): Value {
        let found: Value = { value: this.value(), isPercent: false };
        for (;;) {
            if (this.next('!')) found = { value: factorial(found.value), isPercent: false };
            else if (this.tokens[this.at] === '%' && !this.isModulo()) { this.at++; found = { value: found.value / 100, isPercent: true }; }
            else if (this.tokens[this.at] === '%') { this.tokens[this.at] = 'mod'; return found; }
            else return found;
        }
    }

    // "17 % 5" is a remainder, "17 % + 5" and "17 % of 5" are not.
    private isModulo(): boolean { return /^[\d.(a-z]/i.test(this.tokens[this.at + 1] ?? '') && this.tokens[this.at + 1] !== 'of' && this.tokens[this.at + 1] !== 'mod'; }

    private value(): number {
        const token = this.tokens[this.at++];
        if (token === '(') return this.closed(this.sum().value);
        if (token !== undefined && Object.hasOwn(functions, token)) {
            if (!this.next('(')) return functions[token](this.power().value);
            const given = [this.sum().value];
            while (this.next(',')) given.push(this.sum().value);
            return this.closed(functions[token](...given));
        }
        if (token !== undefined && Object.hasOwn(constants, token)) return constants[token];
        const value = Number(token);
        if (token === undefined || Number.isNaN(value)) throw new Error(`Not a number: ${token ?? 'the end'}`);
        return value;
    }

    private closed(value: number): number {
        if (!this.next(')')) throw new Error('A parenthesis is not closed.');
        return value;
    }
}

function factorial(of: number): number {
    if (!Number.isInteger(of) || of < 0 || of > 170) throw new Error('Factorials are of whole numbers from 0 to 170.');
    let value = 1;
    for (let factor = 2; factor <= of; factor++) value *= factor;
    return value;
}

// Throws Error with words for people.
export function calculate(text: string): number {
    if (text.length > 10_000) throw new Error('The expression is too long.');
    let plain = /\b(?:min|max|pow)\b/i.test(text) ? text : text.replace(/(?<![\d.])\d{1,3}(?:,\d{3})+(?![\d,])/g, (found) => found.replaceAll(',', ''));
    for (const [wanted, instead] of words) plain = plain.replace(wanted, instead);
    plain = numberWords(plain).replace(/[$€£]/g, '').toLowerCase();
    const value = new Reader(plain.match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|[a-z]\w*|[-+*/^()%!,]|\S/g) ?? []).whole();
    if (!Number.isFinite(value)) throw new Error('The result is not a finite number.');
    return Number(value.toPrecision(15));   // 0.1 + 0.2 = 0.3
}
