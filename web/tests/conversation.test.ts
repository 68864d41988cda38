import { expect, test } from 'vitest';
import { contextUsed, newAnswer, newConversation, newTurn, pathOf, pathTo, shownTurns, withTurn, type Conversation } from '../src/conversation';

const texts = (conversation: Conversation) => pathOf(conversation).map(({ text }) => text);

// One question, its answer twice, and another question in the first one's place.
function forked() {
    const question = newTurn('user', 'q');
    const [first, second] = ['a1', 'a2'].map((text) => ({ ...newAnswer(question.id), text, finish: 'stop' }));
    const follow = newTurn('user', 'f', first.id);
    const edited = newTurn('user', 'q2');
    return { question, first, second, follow, edited, conversation: [question, first, follow, second, edited].reduce(withTurn, newConversation()) };
}

test('the newest version is shown, and what it was made beside is still there', () => {
    const { conversation, edited } = forked();
    expect(texts(conversation)).toEqual(['q2']);
    expect(shownTurns(conversation)[0]).toMatchObject({ place: 1, turn: edited });
    expect(conversation.turns).toHaveLength(5);
});

test('a chosen version brings its branch with it', () => {
    const { conversation, question, first, second } = forked();
    const back = { ...conversation, chosen: { ...conversation.chosen, '': question.id } };
    expect(texts(back)).toEqual(['q', 'a2']);
    expect(texts({ ...back, chosen: { ...back.chosen, [question.id]: first.id } })).toEqual(['q', 'a1', 'f']);
    expect(pathTo(conversation.turns, second.id).map(({ text }) => text)).toEqual(['q', 'a2']);
});

test('a choice of what is not there falls back to the newest', () => {
    const { conversation } = forked();
    expect(texts({ ...conversation, chosen: { '': 'lost' } })).toEqual(['q2']);
});

test('the context in use is that of the branch shown', () => {
    const { conversation, question, first } = forked();
    first.figures = { promptTokens: 10, completionTokens: 5 };
    expect(contextUsed(conversation)).toBeUndefined();
    expect(contextUsed({ ...conversation, chosen: { '': question.id, [question.id]: first.id } })).toBe(15);
});

