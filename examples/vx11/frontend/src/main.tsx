import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { EventsPanel } from "./EventsPanel";
import { Boundary } from "./components/Boundary";
import "./styles/theme.css";
import "./styles/layout.css";
import "./styles/controls.css";
import "./styles/events.css";

const place = document.getElementById("panel");
if (place !== null) {
  createRoot(place).render(
    <StrictMode>
      <Boundary>
        <EventsPanel />
      </Boundary>
    </StrictMode>,
  );
}
