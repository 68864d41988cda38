import { expect, test } from 'vitest';
import { fitOf } from '../src/context_fit';

const file = (name: string, tokens: number) => ({ name, text: '', tokens });
const names = (used: number, length: number, ...files: ReturnType<typeof file>[]) => fitOf(used, length, files).leaveOut.map(({ name }) => name);

test('what fits is left alone', () => {
    expect(fitOf(100, 1000, [file('a', 50)])).toEqual({ left: 900, leaveOut: [] });
    expect(fitOf(990, 1000, [], 64).left).toBe(-54);
});

test('as few files as can be are named', () => {
    expect(names(1100, 1000, file('small', 50), file('right', 150), file('large', 900))).toEqual(['right']);
    expect(names(1900, 1000, file('a', 500), file('b', 600), file('c', 300))).toEqual(['b', 'c']);
});

test('where no files are to blame none are named', () => {
    expect(names(3000, 1000, file('a', 500))).toEqual([]);
    expect(names(1100, 1000)).toEqual([]);
});
