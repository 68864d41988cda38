import { expect, test } from 'vitest';
import { calculate } from '../src/calculator';
import { runBuiltin, timeIn } from '../src/builtin_tools';

test('arithmetic as people write it', () => {
    for (const [text, value] of [
        ['6*7', 42], ['6 × 7', 42], ['84 ÷ 2', 42], ['50 − 8', 42], ['2^10', 1024], ['2**3**2', 512], ['-2^2', -4], ['(2+3)*4', 20], ['2 * -3', -6], ['2^-1', 0.5],
        ['.5 + 1e3', 1000.5], ['0.1 + 0.2', 0.3], ['1,234 + 1', 1235], ['1,000,000 / 4', 250000], ['10 - 2 - 3', 5], ['5!', 120], ['4²', 16], ['√16 + 1', 5], ['17 % 5', 2], ['17 mod 5', 2],
        ['15% of 80', 12], ['200 + 10%', 220], ['200 - 10%', 180], ['50%', 0.5], ['200 * 15%', 30], ['10% + 5%', 0.15], ['$20 * 3', 60],
        ['six times seven', 42], ['What is 6 times 7?', 42], ['twenty-five plus three hundred and four', 329], ['two thousand divided by 4', 500], ['5 squared', 25],
        ['2 to the power of 5', 32], ['square root of 81', 9], ['the cube root of 27', 3], ['twenty percent of fifty', 10], ['twice 21', 42], ['half of 84', 42], ['12 x 12', 144], ['7 multiplied by 8', 56],
        ['max(1,200)', 200], ['min(3, 2, 5)', 2], ['round(2.6)', 3], ['2 * pi', 6.28318530717959], ['sqrt(2)^2', 2],
    ] as [string, number][]) expect(calculate(text), text).toBe(value);
});

test('what is no arithmetic is refused in words', () => {
    for (const text of ['', '2 +', '(1', '1 / 0', '1 2', 'alert(1)', 'constructor', 'constructor 5', 'valueOf(1)', '__proto__', 'toString()', '2 ^ 99999', '('.repeat(5000), '-'.repeat(5000) + '1', '1'.repeat(10_001), '171!'])
        expect(() => calculate(text), text.slice(0, 20)).toThrow(/\w/);
});

test('tools answer in JSON, also when they are called wrongly', () => {
    const call = (name: string, given: string) => JSON.parse(runBuiltin({ id: '1', name, arguments: given })!);
    expect(call('calculate', '{"expression":"6*7"}')).toEqual({ result: 42 });
    expect(call('calculate', '{"x":"six times seven"}')).toEqual({ result: 42 });
    expect(call('calculate', '{')).toHaveProperty('error');
    expect(call('current_time', '')).toHaveProperty('time');
    expect(call('current_time', '{"timezone":"Mars/Base"}')).toHaveProperty('error');
    expect(timeIn('Europe/Rome', new Date(0))).toMatchObject({ local: expect.stringContaining('01:00:00'), timezone: 'Europe/Rome' });
    expect(runBuiltin({ id: '1', name: 'other', arguments: '{}' })).toBeUndefined();
});
