import { Component, type ReactNode } from "react";

/** Says so when the panel itself fails, instead of leaving a blank page. */
export class Boundary extends Component<{ readonly children: ReactNode }, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="empty" role="alert">
        <h1>The panel has failed</h1>
        <p>Load the page again to go on.</p>
      </main>
    );
  }
}
