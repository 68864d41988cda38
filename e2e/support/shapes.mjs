// Whether JSON has what a list of shapes wants (e2e/data/open_responses.json says how they are written).
import fs from 'node:fs';

export const readData = (name) => JSON.parse(fs.readFileSync(new URL(`../data/${name}`, import.meta.url), 'utf8'));

const kinds = {
    string: (value) => typeof value === 'string',
    integer: Number.isInteger,
    number: (value) => typeof value === 'number',
    boolean: (value) => typeof value === 'boolean',
    null: (value) => value === null,
    object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

export class Shapes {
    constructor(file) { Object.assign(this, readData(file)); }

    // What is wrong with the value, as texts; empty = nothing.
    problems(value, wanted, where = wanted) {
        const told = wanted.split('|').map((kind) => this.#problemsOfKind(value, kind, where));
        return told.find((each) => each.length === 0) ?? told.sort((a, b) => a.length - b.length)[0];
    }

    problemsOfEvent(event) {
        const fields = this.events[event.type];
        return fields ? this.#problemsOfFields(event, fields, event.type) : [`no event is called ${event.type}`];
    }

    #problemsOfKind(value, kind, where) {
        const wrong = [`${where} must be ${kind}, not ${JSON.stringify(value)?.slice(0, 100)}`];
        if (kind.startsWith('=')) return String(value) === kind.slice(1) ? [] : wrong;
        if (kind.endsWith('[]')) return Array.isArray(value) ? value.flatMap((each, i) => this.problems(each, kind.slice(0, -2), `${where}[${i}]`)) : wrong;
        if (kind === 'status') return this.problems(value, this.statuses, where);
        if (kinds[kind]) return kinds[kind](value) ? [] : wrong;
        if (!kinds.object(value)) return wrong;
        const fields = kind === 'item' ? this.items[value.type] : this.shapes[kind];
        return fields ? this.#problemsOfFields(value, fields, where) : [`${where}: nothing is called ${kind === 'item' ? value.type : kind}`];
    }

    #problemsOfFields(value, fields, where) {
        return Object.entries(fields).flatMap(([name, wanted]) => {
            const field = name.replace('?', '');
            if (!(field in value)) return name === field ? [`${where}.${field} is missing`] : [];
            return this.problems(value[field], wanted, `${where}.${field}`);
        });
    }
}

// The events of a stream, each with its event: line checked against its type.
export function readEvents(text) {
    return text.split('\n\n').filter((each) => each.includes('data: ')).map((each) => {
        const [, name, data] = each.match(/^event: (.+)\ndata: (.+)$/) ?? [];
        if (name === undefined || JSON.parse(data).type !== name) throw new Error(`not an event: ${each}`);
        return JSON.parse(data);
    });
}

// Every value at a path like "response.output[].id"; undefined where there is none.
export function valuesAt(value, path) {
    if (path === '') return [value];
    const [, name, list, rest] = path.match(/^(\w+)(\[\])?\.?(.*)$/);
    const next = value?.[name];
    if (!list) return valuesAt(next, rest);
    return Array.isArray(next) && next.length > 0 ? next.flatMap((each) => valuesAt(each, rest)) : [undefined];
}
