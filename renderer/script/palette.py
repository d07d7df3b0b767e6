"""The colours of a scene: chosen by its time of day, then changed by its weather and tint."""

from __future__ import annotations

from dataclasses import dataclass, replace

from renderer.script.colour import BLACK, WHITE, Colour, brightness, mix
from renderer.script.prompt import Scene, Time, Weather


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of the sky, the air and the light in a scene."""

    #: The colours of the sky from top to bottom: zenith, upper sky, lower sky, horizon.
    sky: tuple[Colour, Colour, Colour, Colour]
    #: The colour of the sun or moon, and the colour of the glow around it.
    disc: Colour
    glow: Colour
    #: The colour of haze; distant things take on this colour.
    haze: Colour
    #: The nearest silhouettes.
    near: Colour
    #: The colours of clouds where they are lit, and where they are in shade.
    cloud: Colour
    cloud_shade: Colour
    #: Factors for the red, green and blue of lit things; 1.0 each is white daylight.
    light: tuple[float, float, float]
    #: The share of the stars that are visible, 0 to 1.
    stars: float = 0.0
    #: The height of the sun or moon above the horizon, as a share of the sky's height.
    elevation: float = 0.5


_DAY = Palette(
    sky=((38, 104, 190), (92, 158, 224), (160, 208, 238), (222, 238, 242)),
    disc=(255, 252, 238),
    glow=(255, 244, 214),
    haze=(178, 208, 230),
    near=(22, 52, 50),
    cloud=(255, 255, 255),
    cloud_shade=(178, 198, 220),
    light=(1.0, 1.0, 1.0),
    elevation=0.66,
)
_GOLDEN = Palette(
    sky=((64, 58, 112), (168, 92, 92), (246, 156, 66), (255, 214, 128)),
    disc=(255, 246, 214),
    glow=(255, 186, 92),
    haze=(238, 158, 98),
    near=(40, 20, 22),
    cloud=(255, 190, 118),
    cloud_shade=(142, 78, 92),
    light=(1.06, 0.76, 0.56),
    elevation=0.24,
)
_ROSE = Palette(
    sky=((58, 40, 104), (158, 66, 118), (238, 116, 112), (255, 188, 142)),
    disc=(255, 238, 216),
    glow=(255, 150, 122),
    haze=(224, 122, 118),
    near=(38, 16, 38),
    cloud=(255, 168, 148),
    cloud_shade=(120, 62, 112),
    light=(1.05, 0.72, 0.68),
    elevation=0.2,
)
_DAWN = Palette(
    sky=((84, 104, 178), (164, 150, 204), (240, 190, 196), (255, 230, 200)),
    disc=(255, 248, 226),
    glow=(255, 214, 176),
    haze=(210, 178, 204),
    near=(40, 38, 74),
    cloud=(255, 216, 206),
    cloud_shade=(158, 142, 190),
    light=(0.94, 0.82, 0.86),
    elevation=0.22,
)
_DUSK = Palette(
    sky=((18, 20, 62), (60, 44, 114), (148, 74, 134), (240, 136, 122)),
    disc=(255, 224, 196),
    glow=(240, 120, 118),
    haze=(112, 72, 128),
    near=(16, 12, 36),
    cloud=(196, 104, 136),
    cloud_shade=(54, 42, 100),
    light=(0.58, 0.46, 0.66),
    stars=0.35,
    elevation=0.07,
)
_NIGHT = Palette(
    sky=((5, 9, 30), (12, 24, 62), (30, 52, 102), (66, 90, 138)),
    disc=(244, 244, 255),
    glow=(140, 164, 222),
    haze=(50, 70, 118),
    near=(5, 8, 22),
    cloud=(78, 98, 148),
    cloud_shade=(18, 28, 62),
    light=(0.3, 0.37, 0.58),
    stars=1.0,
    elevation=0.62,
)


#: Two palettes for each time of day; the scene's seed chooses one of them.
_BY_TIME = {
    Time.DAWN: (_DAWN, _DAWN),
    Time.DAY: (_DAY, _DAY),
    Time.SUNSET: (_GOLDEN, _ROSE),
    Time.DUSK: (_DUSK, _DUSK),
    Time.NIGHT: (_NIGHT, _NIGHT),
}
#: For each weather that veils the sky: the veil's colour by day, its colour after sunset, and its
#: strength (0 to 1).
_VEILS: dict[Weather, tuple[Colour, Colour, float]] = {
    Weather.CLOUDY: ((168, 178, 192), (60, 70, 92), 0.32),
    Weather.RAIN: ((112, 126, 146), (38, 48, 72), 0.55),
    Weather.STORM: ((70, 80, 98), (26, 32, 48), 0.72),
    Weather.SNOW: ((196, 206, 224), (60, 74, 110), 0.34),
    Weather.FOG: ((204, 208, 214), (58, 68, 92), 0.5),
}


def paint(scene: Scene) -> Palette:
    palette = _BY_TIME[scene.time][scene.seed % 2]
    if scene.weather in _VEILS:
        by_day, late, share = _VEILS[scene.weather]
        palette = _veiled(palette, late if scene.sun_down else by_day, share)
    return palette if scene.tint is None else _tinted(palette, scene.tint)


def _veiled(palette: Palette, veil: Colour, share: float) -> Palette:
    """Mix the colour `veil` into a palette by `share` (0 to 1), and dim its light."""
    zenith, upper, lower, horizon = palette.sky
    level = brightness(zenith)
    dim = 1.0 - 0.3 * share
    red, green, blue = palette.light
    return replace(
        palette,
        sky=(
            mix(mix(zenith, (level, level, level), 0.3), mix(veil, BLACK, 0.25), share),
            mix(upper, veil, share),
            mix(lower, mix(veil, WHITE, 0.08), share),
            mix(horizon, mix(veil, WHITE, 0.16), share * 0.8),
        ),
        glow=mix(palette.glow, veil, share * 0.6),
        haze=mix(palette.haze, veil, share),
        cloud=mix(palette.cloud, mix(veil, WHITE, 0.2), share),
        cloud_shade=mix(palette.cloud_shade, mix(veil, BLACK, 0.35), share),
        light=(red * dim, green * dim, min(1.0, blue * (dim + 0.04))),
        stars=palette.stars * (1.0 - share),
    )


def _tinted(palette: Palette, tint: Colour) -> Palette:
    """Shift a palette towards the colour `tint`; each colour keeps its brightness."""

    def lean(colour: Colour, share: float = 0.55) -> Colour:
        level = brightness(colour) / max(1, brightness(tint))
        red, green, blue = (min(255, round(c * level)) for c in tint)
        return mix(colour, (red, green, blue), share)

    zenith, upper, lower, horizon = palette.sky
    return replace(
        palette,
        sky=(lean(zenith), lean(upper), lean(lower), lean(horizon, 0.4)),
        glow=mix(palette.glow, tint, 0.45),
        haze=lean(palette.haze),
        near=lean(palette.near),
        cloud=lean(palette.cloud, 0.35),
        cloud_shade=lean(palette.cloud_shade),
    )
