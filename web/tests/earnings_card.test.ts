import { expect, test } from 'vitest';
import { inCoins } from '../src/earnings_card';

test('amounts are told exactly', () => {
    expect(['0', '1', '1234500000000000000', '10000000000000000000000', '340282366920938463463374607431768211455'].map((wei) => inCoins(wei)))
        .toEqual(['0', '0.000000000000000001', '1.2345', '10,000', '340,282,366,920,938,463,463.374607431768211455']);
});
