import { Component, h, type ComponentType } from 'preact';

// Renders again only when a property differs.
export function memo<Properties extends object>(Inner: ComponentType<Properties>): ComponentType<Properties> {
    return class extends Component<Properties> {
        shouldComponentUpdate(next: Properties) {
            return (Object.keys(next) as (keyof Properties)[]).some((name) => next[name] !== this.props[name]);
        }
        render() { return h(Inner, this.props); }
    };
}
