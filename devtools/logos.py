"""Render the kernel's logos from kernelspec/logo-svg.svg: ``python -m devtools.logos``."""

from playwright.sync_api import sync_playwright

from devtools import browser, session

_FOLDER = session.ROOT / "kernelspec"
_SIZES = (32, 64)


def main() -> None:
    """Write logo-32x32.png and logo-64x64.png beside the drawing."""
    drawing = (_FOLDER / "logo-svg.svg").read_text(encoding="utf-8")
    with sync_playwright() as playwright, browser.launched(playwright) as chromium:
        for size in _SIZES:
            page = chromium.new_page(viewport={"width": size, "height": size})
            page.set_content(
                "<style>body{margin:0} svg{display:block;width:100vw;height:100vh}</style>"
                + drawing
            )
            path = _FOLDER / f"logo-{size}x{size}.png"
            page.screenshot(path=path, omit_background=True)
            page.close()
            print(path.relative_to(session.ROOT))


if __name__ == "__main__":
    main()
