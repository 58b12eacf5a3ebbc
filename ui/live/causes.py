"""What can go wrong with a live picture, and what to do about it: one sentence for both ways."""

from typing import Final

#: Title and advice by the cause that the browser reports, where there is no picture any more.
CAUSES: Final[dict[str, tuple[str, str]]] = {
    "refused": (
        "The camera was refused",
        "Allow it at the left end of your browser's address bar, then press Start again.",
    ),
    "refused_windows": (
        "Windows does not let this browser use the camera",
        "Open Settings, Privacy & security, Camera, allow it for desktop apps, then press Start "
        "again.",
    ),
    "refused_macos": (
        "macOS does not let this browser use the camera",
        "Open System Settings, Privacy & Security, Camera, switch this browser on, then press "
        "Start again. macOS may restart the browser.",
    ),
    "refused_system": (
        "The system does not let this browser use the camera",
        "Allow it in the privacy settings of the system, then press Start again.",
    ),
    "embedded": (
        "The page around this app does not allow the camera",
        'The page that embeds this app must allow the camera: `allow="camera"` on its iframe. '
        "Or open the app in a tab of its own.",
    ),
    "absent": ("There is no camera", "Connect one and press Start again."),
    "busy": (
        "The camera is in use",
        "Close the other program or tab that uses it, or choose another camera, then press "
        "Start again.",
    ),
    "camera": ("The camera cannot be opened", "Connect it again, or try another browser."),
    "insecure": (
        "This address may not use a camera",
        "Browsers allow it on this machine's own address (localhost) and over HTTPS only: "
        "whoever runs this app can give it a certificate, as docs/live.md says. Pictures and "
        "videos can be uploaded meanwhile.",
    ),
    "camera_gone": (
        "The camera was disconnected",
        "It was unplugged or switched off. The numbers so far are still here. Press Go on.",
    ),
}

#: Through the server only.
SERVER_CAUSES: Final[dict[str, tuple[str, str]]] = {
    "no_route": (
        "There is no route for the video",
        "A firewall or a router is in between: use the same network as the server, or ask "
        "whoever runs this app for a relay (TURN).",
    ),
    "relay_refused": (
        "The relay refused the password",
        "Whoever runs this app must correct the name or password in FER_ICE_SERVERS.",
    ),
    "relay_unreachable": (
        "The relay cannot be reached",
        "Whoever runs this app must check that the server named in FER_ICE_SERVERS runs and "
        "its port is open.",
    ),
    "server": (
        "The server could not open the video connection",
        "Press Start again. If it happens again, the server's log says why.",
    ),
    "server_silent": (
        "The server did not answer in time",
        "It may be busy: press Start again in a minute.",
    ),
    "broke_off": (
        "The live picture was interrupted",
        "The connection was lost. The numbers so far are still here. Press Go on.",
    ),
}

#: On the device only; the server is another way on.
DEVICE_CAUSES: Final[dict[str, tuple[str, str]]] = {
    "simd": (
        "This browser is too old for that",
        "It lacks fast arithmetic (WebAssembly SIMD): update it, or let the server analyse.",
    ),
    "load": (
        "The analysis could not be loaded",
        "Check the connection and press Start again, or let the server analyse.",
    ),
    "load_slow": (
        "The model did not load within a minute",
        "The connection or this device is slow: press Start again, or let the server analyse.",
    ),
    "analysis": (
        "The analysis failed on this device",
        "Press Start again, or let the server analyse.",
    ),
}

#: Shown over or below the picture while the camera is on; the live view goes on by itself.
SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "no_frames": (
        "The camera sends no picture",
        "Open its cover, check its cable, or choose another camera",
    ),
    "black": (
        "The camera's picture is black",
        "Open its cover, switch a light on, or choose another camera",
    ),
    "frozen": (
        "The camera's picture does not change",
        "If it should, connect the camera again, or choose another one",
    ),
    "unsent": (
        "The pictures do not reach the server",
        "The live view goes on by itself when the network is back",
    ),
    "unreturned": (
        "The server's pictures do not come back",
        "The live view goes on by itself when the network is back",
    ),
    "late": ("The results are late", "The analysis is busy, and goes on by itself"),
    "loading": ("The model is still loading", "The results follow by themselves"),
    "load_long": (
        "The model did not load within a minute",
        "Choose another one, or wait: the results follow by themselves",
    ),
    "hidden": ("This tab is in the background", "Nothing is analysed until you return"),
    "gap": (
        "Nothing was analysed for {seconds} s",
        "The gap is marked in the curve and in the table.",
    ),
    "was_hidden": (
        "Nothing was analysed for {seconds} s",
        "This tab was in the background. The gap is marked in the curve and in the table.",
    ),
    "video_full": (
        "The video has reached 1 GB",
        "The file is complete up to here. Save another one to go on.",
    ),
    "video_ended": (
        "The video ended with the recording of numbers",
        "The file is complete up to here.",
    ),
    "video_failed": (
        "This browser cannot save the video",
        "Use Chrome, Edge or Safari, or a newer Firefox.",
    ),
    "instead_busy": ("The camera you chose is in use", "This is {camera}."),
    "instead_gone": ("The camera you chose is not connected", "This is {camera}."),
    "still_busy": ("That camera is in use", "{camera} goes on."),
    "still_gone": ("That camera cannot be opened", "{camera} goes on."),
}
